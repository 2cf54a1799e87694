// Notes when each call of a kernel began and ended. The engine runs another table that calls the real one between two
// looks at the clock; forward.cc knows nothing of it, and a run that is not profiled pays nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>

#include "engine/pack.h"
#include "engine/profile.h"

namespace smlp {

// The calls of one thread, in room given beforehand: noting one takes no memory, lock or system call.
struct Recorder {
  using Clock = std::chrono::steady_clock;

  const kernels::Kernels* table;  // the real one
  const PackedNetwork* network;
  Clock::time_point start;
  std::span<StepEvent> room;
  std::size_t calls = 0;  // those that the room had no place for counted too

  void note(Step step, int index, const kernels::Unit& unit, Clock::time_point begin, Clock::time_point end);
};

// While it lives, calls that this thread makes through recording_table() go to `recorder`.
class Recording {
 public:
  explicit Recording(Recorder& recorder);
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
};

// `table` with every step timed.
kernels::Kernels recording_table(const kernels::Kernels& table);

}  // namespace smlp
