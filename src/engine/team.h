// The threads that share a pass: who takes which unit, where they meet, and who had better stay away.
//
// A thread whose core another program uses holds up everybody: what it has begun nobody else can end. While that lasts,
// the others are faster without it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "engine/plan.h"

namespace smlp {

// Who takes part in the passes of a run. Runs are numbered by each thread for itself; the choice for run r is made
// before the last pass of run r - 1 ends, and stands until all have left run r. Nothing here changes a result.
class Attendance {
 public:
  static constexpr int kNobody = -1;
  explicit Attendance(int members) : members_(members) {}

  // Who stays away from run `run`.
  int absent(std::uint64_t run) const { return absent_[run % 2]; }

  // A member's part of a pass.
  struct Part {
    std::int64_t waited;  // for the others, in ticks
    int units;            // that it has done
  };

  // After a pass of `run` by all, which took `total` ticks.
  void all_passed(std::uint64_t run, std::int64_t total, const std::vector<Part>& parts);
  // After a pass of `run` without the one that stayed away.
  void fewer_passed(std::uint64_t run);

 private:
  static constexpr int kShortest = 8, kLongest = 64;  // passes until all try again
  const int members_;
  int absent_[2] = {kNobody, kNobody};
  int slow_passes_ = 0;  // one after the other
  int left_ = 0, period_ = kShortest;
};

// A clock that is read without a call of the system. The unit is the processor's; 0 where there is none.
inline std::int64_t ticks() {
#if defined(__x86_64__)
  return static_cast<std::int64_t>(__builtin_ia32_rdtsc());
#elif defined(__aarch64__)
  std::int64_t now;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(now));
  return now;
#else
  return 0;
#endif
}

// Where the members of a team meet, and what each of them has left to do.
class Meeting {
 public:
  explicit Meeting(int members) : barrier_(members), slots_(static_cast<std::size_t>(members)) {}

  // The next unit of `owner`'s share that nobody has taken, counted from 0. `member` asks.
  int claim(int member, int owner) {
    return slot(owner).next[slot(member).step % 2].fetch_add(1, std::memory_order_relaxed);
  }
  void count_unit(int member) { ++slot(member).part.units; }

  // Returns when all members have come.
  void wait(int member) {
    Slot& own = slot(member);
    // Nobody claims from the other counter: the step before this one is over for all.
    own.next[++own.step % 2].store(0, std::memory_order_relaxed);
    own.arrived = ticks();
    barrier_.wait(member);
    own.part.waited += ticks() - own.arrived;
  }

  void begin_pass(int member) {
    slot(member).part = {};
    slot(member).began = ticks();
  }

  // One member calls judge(total, parts) for the pass, while the others wait.
  template <class Judge>
  void end_pass(int member, Judge judge) {
    slot(member).arrived = ticks();
    barrier_.wait(member);
    if (member == 0) {
      const std::int64_t now = ticks();
      std::int64_t began = now;
      for (std::size_t m = 0; m < slots_.size(); ++m) {
        began = std::min(began, slots_[m].began);
        parts_[m] = slots_[m].part;
        parts_[m].waited += now - slots_[m].arrived;
      }
      judge(now - began, parts_);
    }
    barrier_.wait(member);
  }

 private:
  struct alignas(64) Slot {
    std::atomic<int> next[2] = {0, 0};  // of this step and, meanwhile set to 0, of the next one
    unsigned step = 0;
    std::int64_t began = 0, arrived = 0;
    Attendance::Part part = {};
  };
  Slot& slot(int member) { return slots_[static_cast<std::size_t>(member)]; }

  Barrier barrier_;
  std::vector<Slot> slots_;
  std::vector<Attendance::Part> parts_ = std::vector<Attendance::Part>(slots_.size());
};

// One of the threads that share a pass; a pass by one thread alone has a team of one, which meets nobody.
struct Team {
  int member, size;
  Meeting* meeting;

  // Calls step(unit) for units that this member takes; returns when all are done. Members begin with shares of their
  // own, so that a unit's data stay in one core's caches, and help the others then.
  template <class Step>
  void each(const Units& units, Step step) const {
    const int count = units.count();
    if (size == 1) {
      for (int i = 0; i < count; ++i) step(units[i]);
      return;
    }
    for (int turn = 0; turn < size; ++turn) {
      const int owner = (member + turn) % size, first = count * owner / size, last = count * (owner + 1) / size;
      for (int i = first + meeting->claim(member, owner); i < last; i = first + meeting->claim(member, owner)) {
        step(units[i]);
        meeting->count_unit(member);
      }
    }
    meeting->wait(member);
  }
};

}  // namespace smlp
