// Each step of each kernel table, alone on one thread, at the sizes that a network gives it.
//
//   kernel_bench [--network=tiny|small|base] [--gelu=high_precision|high_performance] [--images=N] [--benchmark_...]
//
// A benchmark's name is PRECISION/ISA/STAGE/STEP/WEIGHTS; one iteration is one call on one unit of work, as a pass of
// N pictures by one thread cuts it. WEIGHTS says where they lie when a call begins: `warm`, the same block each time;
// `l3`, another block each time, more of them than the second-level cache holds; `memory`, more than the third holds.
// Right before and after a benchmark its table's peak is measured, and the step is reported as a share of it.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bench/share_table.h"
#include "bench/stage.h"
#include "kernels/dispatch.h"

namespace smlp::bench {
namespace {

struct Options {
  std::string network = "tiny", gelu = "high_precision";
  int images = 8;
};

struct Place {
  std::string_view name;
  std::size_t footprint;  // bytes that all copies of the weights take; 0: one copy
};

struct Case {
  const kernels::Kernels* table;
  const Config* config;
  GeluPrecision gelu;
  int images, stage;
  Step step;
  Place place;
};

// Takes what is ours out of the command line; empty where it cannot be understood.
std::optional<Options> take_options(int& argc, char** argv) {
  Options options;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&](std::string_view flag) -> std::optional<std::string> {
      if (!argument.starts_with(flag)) return std::nullopt;
      return std::string(argument.substr(flag.size()));
    };
    if (const auto network = value("--network=")) {
      options.network = *network;
    } else if (const auto gelu = value("--gelu=")) {
      options.gelu = *gelu;
    } else if (const auto images = value("--images=")) {
      options.images = std::atoi(images->c_str());
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  const bool is_known = find_named_config("smlpnet_" + options.network) && find_gelu_precision(options.gelu);
  return is_known && options.images > 0 ? std::optional(options) : std::nullopt;
}

std::size_t cache_bytes(int level, std::size_t otherwise) {
  for (const auto& cache : benchmark::CPUInfo::Get().caches) {
    if (cache.level == level && cache.size > 0) return static_cast<std::size_t>(cache.size);
  }
  return otherwise;
}

// Twice what a cache holds leaves nothing of a block when its turn comes again.
std::vector<Place> places() {
  constexpr std::size_t kMiB = std::size_t{1} << 20, kMost = 256 * kMiB;
  const std::size_t l2 = cache_bytes(2, 2 * kMiB), l3 = cache_bytes(3, 32 * kMiB);
  return {{"warm", 0}, {"l3", 2 * l2}, {"memory", std::min(2 * l3, kMost)}};
}

// The processor's time that this thread has had: what others take of it meanwhile does not count.
double thread_seconds() {
  timespec now;
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// GFLOP/s of the table's product units: the fastest of some runs, since other work only makes a run slower.
double measure_peak(const kernels::Kernels& table) {
  using Clock = std::chrono::steady_clock;
  constexpr double kSeconds = 3e-4;
  constexpr int kRuns = 8;
  double best = 0, seconds = 0;
  std::int64_t rounds = 1000;
  const auto run = [&] {
    const auto start = Clock::now();
    const std::int64_t macs = table.saturate(rounds);
    seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, 2e-9 * static_cast<double>(macs) / seconds);
  };
  for (run(); seconds < kSeconds; run()) rounds *= 2;
  for (int i = 0; i < kRuns; ++i) run();
  return best;
}

// Benchmarks run several times, to find how often they must: what they work on is kept until it is another's turn.
class Bench {
 public:
  void run(benchmark::State& state, const Case& c) {
    prepare(c);
    const std::vector<kernels::Unit>& units = stage_->units(c.step);
    std::vector<double> macs, bytes;
    for (const kernels::Unit& unit : units) {
      macs.push_back(stage_->macs(c.step, unit));
      bytes.push_back(stage_->bytes(c.step, unit));
      stage_->call(c.step, weights_, 0, unit);
    }
    const double peak_before = measure_peak(*c.table), start = thread_seconds();
    double all_macs = 0, all_bytes = 0;
    std::size_t u = 0, copy = 0;
    for ([[maybe_unused]] auto _ : state) {
      stage_->call(c.step, weights_, copy, units[u]);
      all_macs += macs[u];
      all_bytes += bytes[u];
      u = u + 1 == units.size() ? 0 : u + 1;
      copy = copy + 1 == weights_.count() ? 0 : copy + 1;
    }
    const double seconds = thread_seconds() - start;
    report(state, all_macs / seconds, all_bytes / seconds, peak_before, measure_peak(*c.table));
  }

 private:
  void prepare(const Case& c) {
    if (!stage_ || c.table != last_.table || c.stage != last_.stage) {
      stage_ = std::make_unique<Stage>(*c.table, *c.config, c.stage, c.images, c.gelu);
      weights_ = {};
    }
    if (weights_.count() == 0 || c.step != last_.step || c.place.name != last_.place.name) {
      weights_ = {};  // first, so that both are never held
      const std::size_t fewest = c.place.footprint == 0 ? 1 : 2;
      weights_ = stage_->copies(c.step, std::max(fewest, c.place.footprint / stage_->weight_bytes(c.step) + 1));
    }
    last_ = c;
    stage_->refill();
  }

  // Multiply-accumulates and bytes a second.
  static void report(benchmark::State& state, double macs, double bytes, double peak_before, double peak_after) {
    const double peak = (peak_before + peak_after) / 2, change = std::abs(peak_after - peak_before) / peak;
    if (macs > 0) {
      state.counters["GFLOP/s"] = 2e-9 * macs;
      state.counters["peak"] = peak;
      state.counters[kShare] = 100 * 2e-9 * macs / peak;
    }
    state.counters["GB/s"] = 1e-9 * bytes;
    if (change > 0.1) state.SetLabel(fmt::format("the peak moved by {:.0f} %", 100 * change));
  }

  Case last_ = {};
  std::unique_ptr<Stage> stage_;
  Copies weights_;
};

void register_table(Bench& bench, const kernels::Candidate& candidate, const Options& options) {
  const Config& config = *find_named_config("smlpnet_" + options.network);
  for (int stage = 0; stage < config.stages(); ++stage) {
    for (const Step step : kSteps) {
      if (!has_step(config, stage, step)) continue;
      for (const Place& place : places()) {
        if (step == Step::pack && place.footprint > 0) continue;
        const std::string name = fmt::format("{}/{}/stage{}/{}/{}", precision_name(candidate.precision), candidate.isa,
                                             stage + 1, step_name(stage, step), place.name);
        const Case c = {
            candidate.table, &config, *find_gelu_precision(options.gelu), options.images, stage, step, place};
        benchmark::RegisterBenchmark(name.c_str(), [&bench, c](benchmark::State& state) {
          bench.run(state, c);
        })->Unit(benchmark::kMicrosecond);
      }
    }
  }
}

// The steps' work adds up to the network's.
bool is_whole(const Config& config) {
  double sum = 0;
  for (int s = 0; s < config.stages(); ++s) {
    const double pixels = config.grid(s) * config.grid(s), depth = config.depths[static_cast<std::size_t>(s)];
    for (const Step step : kSteps) {
      if (!has_step(config, s, step)) continue;
      sum += macs(config, s, step) * (step == Step::head ? 1 : step == Step::first ? pixels : pixels * depth);
    }
  }
  return sum == static_cast<double>(config.macs());
}

int main(int argc, char** argv) {
  const std::optional<Options> options = take_options(argc, argv);
  if (!options) {
    fmt::print(stderr,
               "kernel_bench: --network is tiny, small or base; --gelu high_precision or high_performance; --images "
               "1 or more\n");
    return 2;
  }
  if (!is_whole(*find_named_config("smlpnet_" + options->network))) {
    fmt::print(stderr, "kernel_bench: the work of the steps does not add up to the network's\n");
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("network", fmt::format("sMLPNet {}, {} pictures in a pass, GELU {}", options->network,
                                                     options->images, options->gelu));
  Bench bench;
  for (const kernels::Candidate& candidate : kernels::candidates()) {
    if (candidate.table) {
      register_table(bench, candidate, *options);
    } else {
      fmt::print(stderr, "skipped: {}/{}: {}\n", precision_name(candidate.precision), candidate.isa, candidate.reason);
    }
  }
  ShareTable report(::isatty(STDOUT_FILENO) ? ShareTable::OO_ColorTabular : ShareTable::OO_Tabular);
  return benchmark::RunSpecifiedBenchmarks(&report) > 0 ? 0 : 1;
}

}  // namespace
}  // namespace smlp::bench

int main(int argc, char** argv) { return smlp::bench::main(argc, argv); }
