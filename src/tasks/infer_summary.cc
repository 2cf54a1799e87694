#include <unistd.h>

#include "base/json.h"
#include "tasks/infer_files.h"

namespace smlp {
namespace {

nlohmann::ordered_json statistics_json(const Statistics& s) {
  return {{"min", s.min}, {"max", s.max}, {"mean", s.mean}, {"median", s.median}, {"percentile(99%)", s.p99}};
}

nlohmann::ordered_json path_json(const std::filesystem::path& path) {
  return path.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(path.string());
}

nlohmann::ordered_json our_json(const InferFilesReport& report, const InferFilesOptions& options, int classes) {
  return {{"wall_clock",
           {{"seconds", report.wall_seconds},
            {"pictures", report.pictures},
            {"images_per_second", report.images_per_second(options.loop)}}},
          {"batch", options.batch},
          {"loop", options.loop},
          {"classes", classes},
          {"shard",
           {{"index", options.shard.index},
            {"count", options.shard.count},
            {"first", report.first},
            {"inputs", report.inputs},
            {"listed", report.listed}}},
          {"inputs_broken", report.broken},
          {"inputs_resumed", report.resumed},
          {"provenance", provenance_json(options.provenance)}};
}

}  // namespace

std::string_view timing_explanation() {
  return "NPU_compute_time is one execution of the network alone, with its input already in the session's buffer; "
         "H2D_latency and D2H_latency are the copies of a batch into that buffer, the time of all threads together, "
         "and "
         "of its logits out of it; wall clock is everything an application waits for: reading (and decoding) files, "
         "copies, executions and writing results";
}

std::string infer_summary(const InferFilesReport& report, const InferFilesOptions& options,
                          const std::vector<FileResult>& files, int classes) {
  nlohmann::ordered_json json;
  json["filesinfo"] = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < files.size(); ++i) {
    json["filesinfo"][std::to_string(i)] = {{"infiles", nlohmann::json::array({files[i].input})},
                                            {"outfiles", nlohmann::json::array({files[i].output})}};
  }
  json["args"] = options.arguments;
  json["NPU_compute_time"] = statistics_json(report.compute);
  json["H2D_latency"] = statistics_json(report.h2d);
  json["D2H_latency"] = statistics_json(report.d2h);
  json["npu_compute_time_list"] = report.compute_list;
  json["throughput"] = report.throughput;
  json["pid"] = ::getpid();
  json["smlp"] = our_json(report, options, classes);
  json["smlp"]["h2d_list"] = report.h2d_list;
  json["smlp"]["d2h_list"] = report.d2h_list;
  json["smlp"]["executed_pictures"] = report.executed_pictures;
  json["smlp"]["explanation"] = timing_explanation();
  return dump_json(json) + "\n";
}

void report_times(const Executions& executions, InferFilesReport& report) {
  report.h2d = statistics(executions.fill);
  report.compute = statistics(executions.compute);
  report.d2h = statistics(executions.collect);
  report.compute_list = executions.compute;
  report.h2d_list = executions.fill;
  report.d2h_list = executions.collect;
  report.executed_pictures = executions.pictures;
  if (executions.compute.empty()) return;
  double rows = 0;
  for (const int pictures : executions.pictures) rows += pictures;
  report.mean_rows = rows / static_cast<double>(executions.compute.size());
  report.throughput = report.compute.mean > 0 ? 1000 * report.mean_rows / report.compute.mean : 0;
}

nlohmann::ordered_json infer_json(const InferFilesReport& report, const InferFilesOptions& options, int classes) {
  nlohmann::ordered_json json = {{"folder", path_json(report.folder)},
                                 {"summary", path_json(report.summary)},
                                 {"NPU_compute_time", statistics_json(report.compute)},
                                 {"H2D_latency", statistics_json(report.h2d)},
                                 {"D2H_latency", statistics_json(report.d2h)},
                                 {"throughput", report.throughput}};
  json.update(our_json(report, options, classes));
  return json;
}

}  // namespace smlp
