// The guide's sixth step: throughput and latency over batch sizes, and whether two such measurements differ.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/load_watch.h"
#include "engine/engine.h"
#include "engine/profile.h"
#include "tasks/provenance.h"

namespace smlp {

struct BenchmarkOptions {
  std::vector<int> batch_sizes = {1, 4, 8, 16, 32, 64};
  int loop = 0;        // executions of each batch size; 0: as many as fit in `seconds`
  double seconds = 5;  // for each batch size, where loop is 0
  int warmup = 1;      // executions before the first that counts
  int threads = 0;
  Precision precision = Precision::fp32;
  std::string isa;
  Mode mode = Mode::automatic;
  bool pin = false;
  bool profile = false;  // execute each batch size some times more, profiled
};

// Times of one execution in milliseconds: logits of a batch that lies in memory, preprocessing and copies not included.
struct BatchTimes {
  int batch = 0;
  int executions = 0;
  double min = 0, median = 0, p90 = 0, p99 = 0;
  double images_per_second = 0;         // pictures of all executions / their summed time
  double share_of_peak = 0;             // arithmetic done a second / peak
  double peak_rss_mb = 0;               // most resident memory while this batch size ran, 10^6 bytes
  std::optional<Load> load = {};        // what else used the processors meanwhile
  std::optional<Profile> profile = {};  // the shortest of some executions after the others

  // How far an execution lies from the median at worst in nine of ten: what tells a quiet machine from a busy one.
  double spread() const { return median > 0 ? (p90 - min) / median : 0; }
  // Why these times are not to be trusted: "executions spread over 40 % of their median"; empty where they are.
  std::string doubt() const;
};

struct BenchmarkReport {
  std::string machine, model, precision, isa;
  int threads = 0;
  std::string mode;
  bool pinned = false;
  double peak_gflops = 0;                        // the larger of two measurements, before and after all batch sizes
  double lesser_peak_gflops = 0;                 // the other
  std::optional<Load> peak_load = {};            // what else used the processors while they were made
  Provenance provenance = program_provenance();  // of the model and the session
  double gmacs = 0;                              // of one picture
  bool is_guides = false;                        // sMLPNet-T at 224, which the guide's columns are about
  std::vector<BatchTimes> results;

  const BatchTimes* best() const;  // most images a second; null without results
  // Why shares of the peak are not to be trusted; empty where they are.
  std::string peak_doubt() const;
};

// Above this spread, numbers should not be trusted: something else used the machine.
inline constexpr double kNoisySpread = 0.25;
// Two measurements of the peak agree within this, unless something else used the machine.
inline constexpr double kPeakAgreement = 0.05;

// What the guide measured for sMLPNet-T on its NPU (Atlas 300I Pro) and on an NVIDIA T4, images a second.
struct GuideThroughput {
  int batch;
  double npu, t4;
};
const GuideThroughput* find_guide_throughput(int batch);  // null for a batch size the guide does not list

// Runs made-up pictures (normally distributed, the same each time) through the network. `done` hears of each batch
// size.
Result<BenchmarkReport> run_benchmark(const std::shared_ptr<const Network>& network, const BenchmarkOptions& options,
                                      const std::function<void(const BatchTimes&)>& done);

std::string benchmark_json(const BenchmarkReport& report);
Result<BenchmarkReport> read_benchmark_json(const std::filesystem::path& path);

enum class Verdict { faster, slower, cannot_tell };

struct BatchComparison {
  int batch;
  double ratio;        // images a second, after / before, by the medians
  double uncertainty;  // what the two spreads leave open; a ratio within 1 +- this tells nothing
  Verdict verdict;
};

struct Comparison {
  std::vector<BatchComparison> batches;  // batch sizes that both have
  std::vector<std::string> differences;  // what else differs: machine, model, precision, isa, threads, mode, pinning
  std::vector<std::string> doubts = {};  // why measurements are not to be trusted
  Verdict verdict;                       // slower where any batch size is slower, else faster where any is faster
};

// {"batches": [{"batch", "ratio", "uncertainty", "verdict"}], "differences", "doubts", "verdict",
// "provenance"}
std::string comparison_json(const Comparison& comparison);
std::string_view verdict_word(Verdict verdict);  // "faster", "slower", "can't tell"

// Is `after` faster than `before`? Errors: no batch size in common.
Result<Comparison> compare_benchmarks(const BenchmarkReport& before, const BenchmarkReport& after);

}  // namespace smlp
