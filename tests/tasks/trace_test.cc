#include "tasks/trace.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "api/load.h"
#include "support/model_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using nlohmann::json;

constexpr std::array kBatches = {1, 5};

BenchmarkReport profiled(Mode mode) {
  const test::Scratch scratch;
  const auto file = scratch.folder() / "m \"quoted\" \xff.safetensors";
  test::write_model(file, test::small_config());
  const auto network = std::make_shared<const Network>(load_network(file).value());
  return run_benchmark(network,
                       {.batch_sizes = {kBatches.begin(), kBatches.end()},
                        .loop = 3,
                        .threads = 2,
                        .isa = "",
                        .mode = mode,
                        .profile = true},
                       [](const BatchTimes&) {})
      .value();
}

struct Event {
  std::int64_t begin, end;  // nanoseconds
  std::string name;
};

// A track's events in the file's order, by (process, thread).
std::map<std::pair<int, int>, std::vector<Event>> tracks_of(const json& trace) {
  std::map<std::pair<int, int>, std::vector<Event>> tracks;
  for (const json& event : trace.at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    const std::int64_t begin = std::llround(1e3 * event.at("ts").get<double>());
    const std::int64_t length = std::llround(1e3 * event.at("dur").get<double>());
    tracks[{event.at("pid"), event.at("tid")}].push_back({begin, begin + length, event.at("name")});
  }
  return tracks;
}

TEST(Trace, EventsOfATrackNestAndDoNotOverlap) {
  for (const Mode mode : {Mode::throughput, Mode::latency}) {
    const BenchmarkReport report = profiled(mode);
    const auto tracks = tracks_of(json::parse(trace_json(report)));
    ASSERT_EQ(tracks.size(), kBatches.size() * 2);
    for (const auto& [track, events] : tracks) {
      const Event& whole = events.front();
      EXPECT_EQ(whole.name, "batch " + std::to_string(kBatches[static_cast<std::size_t>(track.first - 1)]));
      std::int64_t last = whole.begin;
      for (const Event& event : std::span(events).subspan(1)) {
        ASSERT_LE(last, event.begin) << event.name;
        ASSERT_LE(event.begin, event.end) << event.name;
        last = event.end;
      }
      EXPECT_LE(last, whole.end);
    }
  }
}

TEST(Trace, CallsAndTheRestMakeUpTheExecution) {
  const BenchmarkReport report = profiled(Mode::automatic);
  const json reported = json::parse(benchmark_json(report));
  std::map<int, double> calls, whole;  // milliseconds of thread time, by process
  for (const auto& [track, events] : tracks_of(json::parse(trace_json(report)))) {
    whole[track.first] += 1e-6 * static_cast<double>(events.front().end - events.front().begin);
    for (const Event& event : std::span(events).subspan(1)) {
      calls[track.first] += 1e-6 * static_cast<double>(event.end - event.begin);
    }
  }
  for (const auto& [process, milliseconds] : whole) {
    const json& profile = reported["results"][static_cast<std::size_t>(process - 1)]["profile"];
    EXPECT_NEAR(milliseconds / 2, profile["milliseconds"].get<double>(), 1e-9);
    EXPECT_NEAR(calls[process] / 2 + profile["rest_milliseconds"].get<double>(), milliseconds / 2, 1e-9);
    double steps = 0;
    for (const json& step : profile["steps"]) steps += step["milliseconds"].get<double>();
    EXPECT_NEAR(steps, calls[process] / 2, 1e-9);
  }
}

TEST(Trace, SaysWhatWasComputedAndNamesItsTracks) {
  const BenchmarkReport report = profiled(Mode::automatic);
  const json trace = json::parse(trace_json(report));
  EXPECT_EQ(trace["otherData"]["threads"], 2);
  std::map<int, std::int64_t> macs;
  int names = 0;
  for (const json& event : trace["traceEvents"]) {
    names += event["ph"] == "M";
    if (event["ph"] == "M" || event["cat"] == "execution") continue;
    macs[event["pid"]] += event["args"]["MACs"].get<std::int64_t>();
    const double gflops = 2e-3 * event["args"]["MACs"].get<double>() / event["dur"].get<double>();
    EXPECT_NEAR(event["args"]["GFLOP/s"], gflops, 0.006 + 1e-3 * gflops) << event;
  }
  EXPECT_EQ(names, 2 * (1 + 2));
  for (std::size_t i = 0; i < kBatches.size(); ++i) {
    EXPECT_EQ(macs[static_cast<int>(i) + 1], kBatches[i] * test::small_config().macs());
  }
}

}  // namespace
}  // namespace smlp
