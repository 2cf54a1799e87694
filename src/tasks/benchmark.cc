#include "tasks/benchmark.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <random>

#include "base/memory.h"
#include "base/statistics.h"
#include "base/system_file.h"
#include "tasks/machine.h"

namespace smlp {
namespace {

using Clock = std::chrono::steady_clock;

constexpr GuideThroughput kGuide[] = {{1, 171.6, 177.7},  {4, 273.5, 341.5},  {8, 298.7, 359.0},
                                      {16, 290.0, 363.7}, {32, 273.0, 371.0}, {64, 257.5, 359.1}};

std::vector<float> made_up_pictures(std::size_t floats) {
  std::mt19937 random(2109);
  std::normal_distribution<float> normal;
  std::vector<float> out(floats);
  std::ranges::generate(out, [&] { return normal(random); });
  return out;
}

// Linux keeps the most resident memory of a process; writing 5 starts it anew.
void reset_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

double peak_memory_mb() {
  return static_cast<double>(leading_number(value_of("/proc/self/status", "VmHWM")).value_or(0)) * 1024 / 1e6;
}

BatchTimes times_of(int batch, const std::vector<double>& milliseconds) {
  const Statistics s = statistics(milliseconds);
  return {.batch = batch,
          .executions = static_cast<int>(milliseconds.size()),
          .min = s.min,
          .median = s.median,
          .p90 = s.p90,
          .p99 = s.p99,
          .images_per_second = 1000.0 * batch / s.mean};
}

Result<std::unique_ptr<Engine>> make_engine(const std::shared_ptr<const Network>& network,
                                            const BenchmarkOptions& options, int batch) {
  return Engine::create(network, {.threads = options.threads,
                                  .batch = batch,
                                  .isa = options.isa,
                                  .precision = options.precision,
                                  .mode = options.mode,
                                  .pin = options.pin});
}

// The shortest of some executions: whatever else uses the machine only makes a step longer.
template <class Execute>
Profile profile_executions(const BenchmarkOptions& options, Execute execute) {
  const int most = options.loop > 0 ? std::min(options.loop, 15) : 15;
  Profile shortest, next;
  const auto start = Clock::now();
  for (int i = 0; i < most; ++i) {
    execute(next);
    if (i == 0 || next.nanoseconds < shortest.nanoseconds) std::swap(shortest, next);
    if (options.loop == 0 && std::chrono::duration<double>(Clock::now() - start).count() >= options.seconds) break;
  }
  return shortest;
}

Result<BatchTimes> measure(const std::shared_ptr<const Network>& network, const BenchmarkOptions& options, int batch) {
  const std::uint64_t row =
      (network->config.picture_floats() + static_cast<std::size_t>(network->config.classes)) * sizeof(float);
  SMLP_CHECK(check_memory(static_cast<std::uint64_t>(batch) * row, fmt::format("a batch of {} pictures", batch),
                          "use a smaller batch"));
  reset_peak_memory();
  SMLP_TRY(engine, make_engine(network, options, batch));
  const auto pictures = static_cast<std::size_t>(batch);
  const std::vector<float> input = made_up_pictures(pictures * network->config.picture_floats());
  std::vector<float> logits(pictures * static_cast<std::size_t>(network->config.classes));
  for (int i = 0; i < options.warmup; ++i) engine->run(input.data(), batch, logits.data());

  const LoadWatch watch;
  constexpr int kFewest = 5;  // so that percentiles mean something
  std::vector<double> milliseconds;
  const auto start = Clock::now();
  const auto enough = [&] {
    const int executions = static_cast<int>(milliseconds.size());
    if (options.loop > 0) return executions >= options.loop;
    return executions >= kFewest && std::chrono::duration<double>(Clock::now() - start).count() >= options.seconds;
  };
  while (!enough()) {
    const auto before = Clock::now();
    engine->run(input.data(), batch, logits.data());
    milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - before).count());
  }
  BatchTimes times = times_of(batch, milliseconds);
  times.load = watch.load();
  times.peak_rss_mb = peak_memory_mb();
  if (options.profile) {
    times.profile = profile_executions(
        options, [&](Profile& profile) { engine->run_profiled(input.data(), batch, logits.data(), profile); });
  }
  return times;
}

}  // namespace

const GuideThroughput* find_guide_throughput(int batch) {
  for (const GuideThroughput& row : kGuide) {
    if (row.batch == batch) return &row;
  }
  return nullptr;
}

const BatchTimes* BenchmarkReport::best() const {
  const auto found = std::ranges::max_element(results, {}, &BatchTimes::images_per_second);
  return found == results.end() ? nullptr : &*found;
}

std::string BatchTimes::doubt() const {
  if (std::string why = load_doubt(load); !why.empty()) return why;
  if (spread() <= kNoisySpread) return {};
  return fmt::format("executions spread over {:.0f} % of their median", 100 * spread());
}

std::string BenchmarkReport::peak_doubt() const {
  if (std::string why = load_doubt(peak_load); !why.empty()) return why + " while the peak was measured";
  if (lesser_peak_gflops < (1 - kPeakAgreement) * peak_gflops) {
    return fmt::format("two measurements of the peak gave {:.0f} and {:.0f} GFLOP/s", lesser_peak_gflops, peak_gflops);
  }
  // The peak is measured alone and by the same instructions: nothing can be above it but by a wrong peak.
  const auto above = std::ranges::find_if(results, [](const BatchTimes& t) { return t.share_of_peak > 1; });
  if (above == results.end()) return {};
  return fmt::format("batch {} did more than the peak that was measured", above->batch);
}

namespace {

// The peak beside the run, by an engine like those that run. The processors' load is added up over both measurements.
class PeakMeter {
 public:
  PeakMeter(const std::shared_ptr<const Network>& network, const BenchmarkOptions& options)
      : network_(network), options_(options) {}

  Result<void> measure(BenchmarkReport& report) {
    SMLP_TRY(engine, make_engine(network_, options_, 1));
    const LoadWatch watch;
    const double gflops = engine->peak_gflops();
    const std::optional<Load> load = watch.load();
    if (load &&
        (!report.peak_load || load->others + load->stolen > report.peak_load->others + report.peak_load->stolen)) {
      report.peak_load = load;  // the worse of the two
    }
    report.lesser_peak_gflops = measured_ ? std::min(report.peak_gflops, gflops) : gflops;
    report.peak_gflops = std::max(report.peak_gflops, gflops);
    report.isa = std::string(engine->isa());
    report.threads = engine->threads();
    measured_ = true;
    return {};
  }

 private:
  const std::shared_ptr<const Network>& network_;
  const BenchmarkOptions& options_;
  bool measured_ = false;
};

}  // namespace

Result<BenchmarkReport> run_benchmark(const std::shared_ptr<const Network>& network, const BenchmarkOptions& options,
                                      const std::function<void(const BatchTimes&)>& done) {
  BenchmarkReport report{.machine = inspect_machine().cpu,
                         .model = network->source_name,
                         .precision = std::string(precision_name(options.precision)),
                         .isa = {},
                         .mode = std::string(mode_name(options.mode)),
                         .pinned = options.pin,
                         .gmacs = static_cast<double>(network->config.macs()) / 1e9,
                         .is_guides = network->config == *find_named_config("smlpnet_tiny"),
                         .results = {}};
  PeakMeter peak(network, options);
  SMLP_CHECK(peak.measure(report));
  for (const int batch : options.batch_sizes) {
    SMLP_TRY(times, measure(network, options, batch));
    report.results.push_back(std::move(times));
    done(report.results.back());
  }
  SMLP_CHECK(peak.measure(report));
  for (BatchTimes& times : report.results) {
    times.share_of_peak = 2 * report.gmacs * times.images_per_second / report.peak_gflops;
  }
  return report;
}

Result<Comparison> compare_benchmarks(const BenchmarkReport& before, const BenchmarkReport& after) {
  Comparison out{.batches = {}, .differences = {}, .verdict = Verdict::cannot_tell};
  const auto differs = [&](std::string_view what, const auto& a, const auto& b) {
    if (a != b) out.differences.push_back(fmt::format("{}: {} and {}", what, a, b));
  };
  differs("machine", before.machine, after.machine);
  differs("model", before.model, after.model);
  differs("precision", before.precision, after.precision);
  differs("isa", before.isa, after.isa);
  differs("threads", before.threads, after.threads);
  differs("mode", before.mode, after.mode);
  differs("pinned", before.pinned, after.pinned);
  for (const BatchTimes& a : before.results) {
    const auto b = std::ranges::find(after.results, a.batch, &BatchTimes::batch);
    if (b != after.results.end()) {
      for (const auto& [name, times] : {std::pair("first", &a), {"second", &*b}}) {
        if (times->doubt().empty()) continue;
        out.doubts.push_back(fmt::format("batch {} of the {}: {}", a.batch, name, times->doubt()));
      }
    }
    if (b == after.results.end() || !(a.median > 0) || !(b->median > 0)) continue;
    // Two runs of the same program differ by 2 % on a quiet machine; a busy one shows in its spread.
    constexpr double kLeast = 0.02;
    const double ratio = a.median / b->median, uncertainty = std::max({kLeast, a.spread() / 2, b->spread() / 2});
    const Verdict verdict = ratio > 1 + uncertainty         ? Verdict::faster
                            : ratio < 1 / (1 + uncertainty) ? Verdict::slower
                                                            : Verdict::cannot_tell;
    out.batches.push_back({a.batch, ratio, uncertainty, verdict});
    if (verdict == Verdict::slower || (verdict == Verdict::faster && out.verdict == Verdict::cannot_tell)) {
      out.verdict = verdict;
    }
  }
  if (out.batches.empty()) return fail("the two measurements have no batch size in common");
  return out;
}

}  // namespace smlp
