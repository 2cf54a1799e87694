// The console's lines as they come, and at the end one small table for each kernel table: share of peak, steps down,
// stages across.
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

namespace smlp::bench {

inline constexpr const char* kShare = "share_%";  // the counter that the table shows

class ShareTable : public benchmark::ConsoleReporter {
 public:
  explicit ShareTable(OutputOptions options) : ConsoleReporter(options) {}
  // Names are PRECISION/ISA/STAGE/STEP/WEIGHTS.
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

 private:
  struct Kernels {
    std::vector<std::string> stages, steps, weights;    // in the order of their first runs
    std::map<std::string, std::vector<double>> shares;  // STAGE/STEP/WEIGHTS -> one for each repetition
  };
  void print(const std::string& name, const Kernels& kernels);
  static std::string cell(const Kernels& kernels, const std::string& stage, const std::string& step);

  std::vector<std::pair<std::string, Kernels>> tables_;
};

}  // namespace smlp::bench
