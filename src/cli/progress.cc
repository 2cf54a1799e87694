#include "cli/progress.h"

#include <fmt/format.h>

#include <cstdio>

namespace smlp::cli {
namespace {

void write_remark(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds < 0 ? 0 : seconds + 0.5);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

Progress::Progress(std::string_view unit, std::int64_t total, std::int64_t already)
    : unit_(unit), total_(total), already_(already), shown_(json_ || remarks_on_terminal()) {}

Progress::~Progress() { clear(); }

void Progress::update(std::int64_t done) {
  const auto now = Clock::now();
  const bool begun = json_ ? last_ != Clock::time_point() && done < total_ : drawn_;
  if (!shown_ || (begun && now - last_ < std::chrono::milliseconds(100))) return;
  last_ = now;
  if (json_) return report_progress(done, total_, unit_);
  drawn_ = true;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::string line = fmt::format("\r\x1b[K{}/{} {}", done, total_, unit_);
  if (done > already_ && seconds > 0) {
    const double rate = static_cast<double>(done - already_) / seconds;
    line += fmt::format(", {:.1f} {}/s, {} left", rate, unit_, clock_text(static_cast<double>(total_ - done) / rate));
  }
  write_remark(line);
}

void Progress::clear() {
  if (!drawn_) return;
  write_remark("\r\x1b[K");
  drawn_ = false;
}

}  // namespace smlp::cli
