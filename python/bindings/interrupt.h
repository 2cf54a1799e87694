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

}  // namespace smlp::python
