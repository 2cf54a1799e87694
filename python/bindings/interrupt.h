// Ctrl-C during long work.
#pragma once

#include <functional>
#include <stop_token>

#include "smlp/error.h"

namespace smlp::python {

using Work = std::function<Result<void>(std::stop_token stop)>;

// Runs `work` on a thread of its own, without the GIL, while the calling one answers signals. A signal handler that
// raises, as that of Ctrl-C does, stops the work; its exception goes through once the work has ended. Call it with the
// GIL held.
Result<void> run_interruptibly(const Work& work);

// A call that lets go of the GIL. A thread that wants it back when the interpreter has ended is ended by Python in the
// middle of C++, which aborts the program: end_calls() comes first, and such a thread stays where it is.
class Call {
 public:
  Call();   // once end_calls() was called, raises ClosedError in the main thread; others do not come back
  ~Call();  // likewise
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
};

// Stopped when the interpreter is about to end.
std::stop_token ending();

// Ends the calls of other threads and waits for them. For the main thread, when the interpreter ends.
void end_calls();

}  // namespace smlp::python
