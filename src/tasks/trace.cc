#include "tasks/trace.h"

#include "base/json.h"
namespace smlp {
namespace {

// Microseconds are the format's unit; the digits behind the point are nanoseconds.
std::string microseconds(std::int64_t nanoseconds) {
  return fmt::format("{}.{:03}", nanoseconds / 1000, nanoseconds % 1000);
}

std::string quoted(const std::string& text) { return dump_json(nlohmann::json(text)); }

struct Track {
  std::size_t process, thread;
};

std::string name_line(std::string_view what, Track track, const std::string& name) {
  return fmt::format(R"({{"ph": "M", "pid": {}, "tid": {}, "name": "{}", "args": {{"name": {}}}}})", track.process,
                     track.thread, what, quoted(name));
}

std::string event_line(Track track, const std::string& name, std::string_view category, std::int64_t begin,
                       std::int64_t end, const std::string& arguments) {
  return fmt::format(
      R"({{"ph": "X", "pid": {}, "tid": {}, "name": {}, "cat": "{}", "ts": {}, "dur": {}, "args": {{{}}}}})",
      track.process, track.thread, quoted(name), category, microseconds(begin), microseconds(end - begin), arguments);
}

std::string call_line(Track track, const StepEvent& event, double peak_of_thread) {
  const double gflops = 2 * static_cast<double>(event.work.macs) /
                        static_cast<double>(std::max<std::int64_t>(event.end - event.begin, 1));
  return event_line(track, event.name(), step_name(event.step), event.begin, event.end,
                    fmt::format(R"("GFLOP/s": {:.2f}, "share of peak": {:.4f}, "first picture": {}, "pictures": {}, )"
                                R"("first row": {}, "rows": {}, "MACs": {}, "bytes": {})",
                                gflops, gflops / peak_of_thread, event.unit.image, event.unit.images, event.unit.row,
                                event.unit.rows, event.work.macs, event.work.bytes));
}

constexpr std::string_view kTraceStart = "{\"displayTimeUnit\": \"ms\",\n";

}  // namespace

bool is_trace(std::string_view start) { return start.starts_with(kTraceStart); }

std::string trace_json(const BenchmarkReport& report) {
  std::vector<std::string> lines;
  const double peak_of_thread = report.peak_gflops / report.threads;
  for (std::size_t r = 0; r < report.results.size(); ++r) {
    const BatchTimes& times = report.results[r];
    if (!times.profile) continue;
    lines.push_back(name_line("process_name", {r + 1, 0}, fmt::format("batch {}", times.batch)));
    for (std::size_t t = 0; t < times.profile->threads.size(); ++t) {
      const Track track{r + 1, t + 1};
      lines.push_back(name_line("thread_name", track, fmt::format("thread {}", t)));
      lines.push_back(event_line(track, fmt::format("batch {}", times.batch), "execution", 0,
                                 times.profile->nanoseconds, fmt::format(R"("pictures": {})", times.batch)));
      for (const StepEvent& event : times.profile->threads[t]) lines.push_back(call_line(track, event, peak_of_thread));
    }
  }
  const nlohmann::ordered_json about = {
      {"machine", report.machine},         {"model", report.model},
      {"precision", report.precision},     {"isa", report.isa},
      {"threads", report.threads},         {"mode", report.mode},
      {"pinned", report.pinned},           {"peak_gflops", report.peak_gflops},
      {"peak_doubt", report.peak_doubt()}, {"provenance", provenance_json(report.provenance)}};
  return fmt::format("{}\"otherData\": {},\n\"traceEvents\": [\n{}\n]}}\n", kTraceStart, dump_json(about),
                     fmt::join(lines, ",\n"));
}

}  // namespace smlp
