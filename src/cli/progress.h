// How far a long run is, on a terminal; silent where stderr is a file or a pipe, unless remarks are JSON.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/console.h"

namespace smlp::cli {

// "  3:05" and "1:02:09": minutes and hours as a clock shows them.
std::string clock_text(double seconds);

class Progress {
 public:
  // `unit` is the plural of what is counted: "pictures". `already` items of `total` were done before this run.
  Progress(std::string_view unit, std::int64_t total, std::int64_t already = 0);
  ~Progress();  // wipes the line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Redraws at most ten times a second: `1200/1966 pictures, 41.2 pictures/s, 0:19 left`. In JSON the last is told too.
  void update(std::int64_t done);
  // Wipes the line, so that a remark can be written; the next update draws it again.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string unit_;
  std::int64_t total_, already_;
  bool json_ = remarks_are_json();
  bool shown_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = {};
};

}  // namespace smlp::cli
