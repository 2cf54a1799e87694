#include "bench/share_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <ostream>
#include <sstream>
#include <utility>

#include "base/statistics.h"

namespace smlp::bench {
namespace {

std::vector<std::string> split(const std::string& name) {
  std::istringstream in(name);
  std::vector<std::string> parts;
  for (std::string part; std::getline(in, part, '/');) parts.push_back(part);
  return parts;
}

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::ranges::find(list, text) == list.end()) list.push_back(text);
}

}  // namespace

void ShareTable::ReportRuns(const std::vector<Run>& runs) {
  ConsoleReporter::ReportRuns(runs);
  for (const Run& run : runs) {
    const auto share = run.counters.find(kShare);
    if (run.run_type != Run::RT_Iteration || run.error_occurred || share == run.counters.end()) continue;
    const std::vector<std::string> parts = split(run.run_name.function_name);
    const std::string table = parts[0] + "/" + parts[1];
    if (tables_.empty() || tables_.back().first != table) tables_.push_back({table, {}});
    Kernels& kernels = tables_.back().second;
    add_once(kernels.stages, parts[2]);
    add_once(kernels.steps, parts[3]);
    add_once(kernels.weights, parts[4]);
    kernels.shares[parts[2] + "/" + parts[3] + "/" + parts[4]].push_back(share->second.value);
  }
}

void ShareTable::Finalize() {
  for (const auto& [name, kernels] : tables_) print(name, kernels);
}

void ShareTable::print(const std::string& name, const Kernels& kernels) {
  std::ostream& out = GetOutputStream();
  out << fmt::format("\n{}: share of peak in %, weights {}\n{:11}", name, fmt::join(kernels.weights, " / "), "");
  for (const std::string& stage : kernels.stages) out << fmt::format("  {:>15}", stage);
  for (const std::string& step : kernels.steps) {
    out << fmt::format("\n{:11}", step);
    for (const std::string& stage : kernels.stages) out << fmt::format("  {:>15}", cell(kernels, stage, step));
  }
  out << std::endl;
}

std::string ShareTable::cell(const Kernels& kernels, const std::string& stage, const std::string& step) {
  std::vector<std::string> shares;
  for (const std::string& weights : kernels.weights) {
    const auto found = kernels.shares.find(stage + "/" + step + "/" + weights);
    if (found != kernels.shares.end()) shares.push_back(fmt::format("{:3.0f}", statistics(found->second).median));
  }
  return fmt::format("{}", fmt::join(shares, " / "));
}

}  // namespace smlp::bench
