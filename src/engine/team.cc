#include "engine/team.h"

#include <algorithm>

namespace smlp {

void Attendance::all_passed(std::uint64_t run, std::int64_t total, const std::vector<Part>& parts) {
  int& next = absent_[(run + 1) % 2];
  next = kNobody;
  if (members_ < 2) return;
  // Who waits least is waited for. What the others have done in the time that they did not wait tells how long they
  // would take for all.
  const auto slowest = std::ranges::min_element(parts, {}, &Part::waited);
  std::int64_t worked = 0;
  int units = 0;
  for (auto one = parts.begin(); one != parts.end(); ++one) {
    if (one == slowest) continue;
    worked += total - one->waited;
    units += one->units;
  }
  const double all_units = units + slowest->units, others = members_ - 1;
  const double without = units > 0 ? static_cast<double>(worked) / others * all_units / units : 1e30;
  const bool is_held_up = static_cast<double>(total) > without;
  // Twice in a row, so that one interruption does not count; but one pass is enough to see that nothing has changed.
  const bool is_trial = period_ > kShortest;
  slow_passes_ = is_held_up ? slow_passes_ + 1 : 0;
  if (!is_held_up) period_ = kShortest;
  if (slow_passes_ < (is_trial ? 1 : 2)) return;
  next = static_cast<int>(slowest - parts.begin());
  left_ = period_;
  period_ = std::min(2 * period_, kLongest);
}

void Attendance::fewer_passed(std::uint64_t run) {
  --left_;
  absent_[(run + 1) % 2] = left_ > 0 ? absent_[run % 2] : kNobody;
}

}  // namespace smlp
