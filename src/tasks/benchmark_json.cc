// {"machine", "model", "precision", "isa", "threads", "mode", "pinned", "peak_gflops", "results": [{"batch",
// "images_per_second",
//  "latency_ms": {"min", "median", "p90", "p99"}, "share_of_peak", "peak_rss_mb",
//  "profile": {"milliseconds", "rest_milliseconds", "kinds": [{"name", "kind", "calls", "milliseconds", "gflops",
//  "share_of_peak", "macs", "bytes"}], "steps": [the same]}}]}, and a few keys more.
#include <algorithm>
#include <fstream>

#include "base/file_map.h"
#include "base/json.h"
#include "tasks/benchmark.h"

namespace smlp {

namespace {

nlohmann::ordered_json cost_json(const StepCost& cost, double peak_gflops) {
  return {{"name", cost.name},       {"kind", step_name(cost.step)},
          {"calls", cost.calls},     {"milliseconds", 1e3 * cost.seconds},
          {"gflops", cost.gflops()}, {"share_of_peak", cost.gflops() / peak_gflops},
          {"macs", cost.work.macs},  {"bytes", cost.work.bytes}};
}

nlohmann::ordered_json load_json(const std::optional<Load>& load) {
  if (!load) return nullptr;
  return {{"others", load->others}, {"stolen", load->stolen}};
}

nlohmann::ordered_json text_or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

std::optional<Load> read_load(const nlohmann::json& json, const char* key) {
  if (!json.contains(key) || json.at(key).is_null()) return std::nullopt;
  return Load{.others = json.at(key).at("others"), .stolen = json.at(key).at("stolen")};
}

nlohmann::ordered_json profile_json(const Profile& profile, double peak_gflops) {
  const ProfileSummary summary = summarize(profile);
  nlohmann::ordered_json json = {{"milliseconds", 1e3 * summary.seconds}, {"rest_milliseconds", 1e3 * summary.rest}};
  for (const StepCost& cost : summary.kinds) json["kinds"].push_back(cost_json(cost, peak_gflops));
  for (const StepCost& cost : summary.steps) json["steps"].push_back(cost_json(cost, peak_gflops));
  return json;
}

// 0 where older measurements lack it.
int count_of(const nlohmann::json& object, const char* key) {
  return object.contains(key) ? exact<int>(object.at(key)) : 0;
}

}  // namespace

std::string benchmark_json(const BenchmarkReport& report) {
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (const BatchTimes& t : report.results) {
    nlohmann::ordered_json row = {
        {"batch", t.batch},
        {"images_per_second", t.images_per_second},
        {"latency_ms", {{"min", t.min}, {"median", t.median}, {"p90", t.p90}, {"p99", t.p99}}},
        {"share_of_peak", t.share_of_peak},
        {"peak_rss_mb", t.peak_rss_mb},
        {"executions", t.executions},
        {"spread", t.spread()},
        {"noisy", t.spread() > kNoisySpread},
        {"load", load_json(t.load)},
        {"doubt", text_or_null(t.doubt())}};
    if (const GuideThroughput* guide = find_guide_throughput(t.batch); guide != nullptr && report.is_guides) {
      row["guide"] = {{"npu_images_per_second", guide->npu}, {"t4_images_per_second", guide->t4}};
    }
    if (t.profile) row["profile"] = profile_json(*t.profile, report.peak_gflops);
    results.push_back(std::move(row));
  }
  const nlohmann::ordered_json json = {{"machine", report.machine},
                                       {"model", report.model},
                                       {"precision", report.precision},
                                       {"isa", report.isa},
                                       {"threads", report.threads},
                                       {"mode", report.mode},
                                       {"pinned", report.pinned},
                                       {"peak_gflops", report.peak_gflops},
                                       {"lesser_peak_gflops", report.lesser_peak_gflops},
                                       {"peak_load", load_json(report.peak_load)},
                                       {"peak_doubt", text_or_null(report.peak_doubt())},
                                       {"gmacs", report.gmacs},
                                       {"results", std::move(results)},
                                       {"provenance", provenance_json(report.provenance)}};
  return dump_json(json, 2);
}

std::string_view verdict_word(Verdict verdict) {
  return verdict == Verdict::faster ? "faster" : verdict == Verdict::slower ? "slower" : "can't tell";
}

std::string comparison_json(const Comparison& comparison) {
  nlohmann::ordered_json batches = nlohmann::ordered_json::array();
  for (const BatchComparison& b : comparison.batches) {
    batches.push_back(
        {{"batch", b.batch}, {"ratio", b.ratio}, {"uncertainty", b.uncertainty}, {"verdict", verdict_word(b.verdict)}});
  }
  const nlohmann::ordered_json json = {{"batches", std::move(batches)},
                                       {"differences", comparison.differences},
                                       {"doubts", comparison.doubts},
                                       {"verdict", verdict_word(comparison.verdict)},
                                       {"provenance", provenance_json(program_provenance())}};
  return dump_json(json, 2);
}

Result<BenchmarkReport> read_benchmark_json(const std::filesystem::path& path) {
  SMLP_TRY(file, FileMap::open(path));
  const auto bytes = file->bytes();
  const auto wrong = [&](std::string_view what) {
    return fail(Error{.what = fmt::format("is not a measurement: {}", what),
                      .file = path.string(),
                      .remedy = "write one with `smlp bench --json`"});
  };
  const auto parsed = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!parsed) return wrong(parsed.error().what);
  const nlohmann::json& json = *parsed;
  try {
    BenchmarkReport report{.machine = json.value("machine", ""),
                           .model = json.value("model", ""),
                           .precision = json.value("precision", ""),
                           .isa = json.value("isa", ""),
                           .threads = count_of(json, "threads"),
                           .mode = json.value("mode", "automatic"),
                           .pinned = json.value("pinned", false),
                           .peak_gflops = json.value("peak_gflops", 0.0),
                           .lesser_peak_gflops = json.value("lesser_peak_gflops", json.value("peak_gflops", 0.0)),
                           .peak_load = read_load(json, "peak_load"),
                           .gmacs = json.value("gmacs", 0.0),
                           .results = {}};
    for (const auto& row : json.at("results")) {
      const auto& latency = row.at("latency_ms");
      const int batch = exact<int>(row.at("batch"));
      if (std::ranges::find(report.results, batch, &BatchTimes::batch) != report.results.end()) {
        return wrong(fmt::format("batch {} stands twice", batch));
      }
      report.results.push_back({.batch = batch,
                                .executions = count_of(row, "executions"),
                                .min = latency.at("min").get<double>(),
                                .median = latency.at("median").get<double>(),
                                .p90 = latency.at("p90").get<double>(),
                                .p99 = latency.at("p99").get<double>(),
                                .images_per_second = row.at("images_per_second").get<double>(),
                                .share_of_peak = row.value("share_of_peak", 0.0),
                                .peak_rss_mb = row.value("peak_rss_mb", 0.0),
                                .load = read_load(row, "load")});
    }
    return report;
  } catch (const nlohmann::json::exception& error) {
    return wrong(json_fault(error));
  }
}

}  // namespace smlp
