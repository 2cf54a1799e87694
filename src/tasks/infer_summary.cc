#include <unistd.h>

#include <nlohmann/json.hpp>

#include "tasks/infer_files.h"

namespace smlp {
namespace {

nlohmann::ordered_json statistics_json(const Statistics& s) {
  return {{"min", s.min}, {"max", s.max}, {"mean", s.mean}, {"median", s.median}, {"percentile(99%)", s.p99}};
}

}  // namespace

std::string_view timing_explanation() {
  return "NPU_compute_time is one execution of the network alone, with its input already in the session's buffer; "
         "H2D_latency and D2H_latency are the copies of a batch into that buffer and of its logits out of it; wall "
         "clock "
         "is everything an application waits for: reading (and decoding) files, copies, executions and writing results";
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
  json["smlp"] = {{"wall_clock",
                   {{"seconds", report.wall_seconds},
                    {"pictures", report.pictures},
                    {"images_per_second", report.images_per_second(options.loop)}}},
                  {"batch", options.batch},
                  {"loop", options.loop},
                  {"classes", classes},
                  {"provenance", provenance_json(options.provenance)},
                  {"inputs_broken", report.broken},
                  {"inputs_resumed", report.resumed},
                  {"explanation", timing_explanation()}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace smlp
