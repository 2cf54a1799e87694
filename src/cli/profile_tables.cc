#include "cli/profile_tables.h"

namespace smlp::cli {
namespace {

using Row = std::vector<std::string>;

Row row_of(const StepCost& cost, double whole, double peak_gflops) {
  return {cost.name,
          fmt::format("{}", cost.calls),
          fmt::format("{:.3f}", 1e3 * cost.seconds),
          fmt::format("{:.1f}", 100 * cost.seconds / whole),
          fmt::format("{:.1f}", cost.gflops()),
          fmt::format("{:.1f}", 100 * cost.gflops() / peak_gflops),
          fmt::format("{:.2f}", 1e-6 * static_cast<double>(cost.work.bytes)),
          fmt::format("{:.1f}", cost.gigabytes_per_second())};
}

}  // namespace

ProfileTables profile_tables(const BatchTimes& times, double peak_gflops) {
  const ProfileSummary summary = summarize(*times.profile);
  ProfileTables out = {.heading = fmt::format("batch {}: the shortest execution, {:.3f} ms; unprofiled {:.3f} ms",
                                              times.batch, 1e3 * summary.seconds, times.min),
                       .titles = {"", "calls", "time ms", "% of time", "GFLOP/s", "% of peak", "MB", "GB/s"},
                       .kinds = {},
                       .steps = {}};
  const auto row = [&](const StepCost& cost) { return row_of(cost, summary.seconds, peak_gflops); };
  for (const StepCost& cost : summary.kinds) out.kinds.push_back(row(cost));
  out.kinds.push_back({"waiting, rest", "", fmt::format("{:.3f}", 1e3 * summary.rest),
                       fmt::format("{:.1f}", 100 * summary.rest / summary.seconds), "", "", "", ""});
  out.kinds.push_back(row(summary.all));
  for (const StepCost& cost : summary.steps) out.steps.push_back(row(cost));
  return out;
}

std::string_view profile_explanation() {
  return "Time: of all threads, divided by their number; the rest is waiting for other threads and what lies between "
         "steps.\n"
         "GFLOP/s: dense layers and depthwise convolutions, a multiply-accumulate counts as two. MB: weights and "
         "activations that\nthe kernels read and write, each array once a call, by its shape.";
}

}  // namespace smlp::cli
