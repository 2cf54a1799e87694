#include "server/model_texts.h"

#include "base/json.h"
#include "tasks/provenance.h"

namespace smlp::server {
namespace {

using Json = nlohmann::ordered_json;

Json count_and_ns(std::uint64_t count, std::uint64_t ns) { return {{"count", count}, {"ns", ns}}; }

Json input_shape(const ServedModel& model) {
  return Json::array({-1, model.input.channels, model.input.size, model.input.size});
}

// Per request as Triton counts, each with the whole time of its parts; per batch what the batcher measured, in
// microseconds: it reads and writes nothing.
Json statistics_of(const ServedModel& model) {
  const RequestCounts& counts = model.counts;
  const BatcherStatistics batches = model.batcher.statistics();
  std::uint64_t executions = 0;
  Json batch_stats = Json::array();
  for (std::size_t size = 1; size < batches.batches.size(); ++size) {
    if (batches.batches[size] == 0) continue;
    executions += batches.batches[size];
    const std::uint64_t count = batches.batches[size];
    batch_stats.push_back({{"batch_size", size},
                           {"compute_input", count_and_ns(count, 0)},
                           {"compute_infer", count_and_ns(count, batches.batch_times[size] * 1000)},
                           {"compute_output", count_and_ns(count, 0)}});
  }
  const std::uint64_t requests = counts.succeeded;
  return {
      {"name", model.name},
      {"version", model.version},
      {"last_inference", counts.last_ms.load()},
      {"inference_count", counts.pictures.load()},
      {"execution_count", executions},
      {"inference_stats",
       {{"success", count_and_ns(requests, counts.succeeded_ns)},
        {"fail", count_and_ns(counts.failed + counts.rejected + counts.cancelled + counts.timed_out, counts.failed_ns)},
        {"queue", count_and_ns(requests, counts.queue_ns)},
        {"compute_input", count_and_ns(requests, counts.input_ns)},
        {"compute_infer", count_and_ns(requests, counts.infer_ns)},
        {"compute_output", count_and_ns(requests, counts.output_ns)},
        {"cache_hit", count_and_ns(0, 0)},
        {"cache_miss", count_and_ns(0, 0)}}},
      {"batch_stats", batch_stats}};
}

}  // namespace

std::string server_metadata() {
  return dump_json(Json{{"name", "smlp"},
                        {"version", program_version()},
                        {"extensions",
                         {"binary_tensor_data", "classification", "model_configuration", "model_repository",
                          "model_repository(unload_dependents)", "statistics", "schedule_policy"}}});
}

std::string model_metadata(const ServedModel& model, std::span<const std::string> versions) {
  return dump_json(Json{{"name", model.name},
                        {"versions", versions},
                        {"platform", "smlp"},
                        {"inputs", {{{"name", "input"}, {"datatype", "FP32"}, {"shape", input_shape(model)}}}},
                        {"outputs", {{{"name", "output"}, {"datatype", "FP32"}, {"shape", {-1, model.classes}}}}}});
}

std::string model_ready(const ServedModel& model) { return dump_json(Json{{"name", model.name}, {"ready", true}}); }

std::string model_config(const ServedModel& model) {
  return dump_json(Json{{"name", model.name},
                        {"platform", "smlp"},
                        {"backend", "smlp"},
                        {"max_batch_size", model.batching.max_batch},
                        {"input",
                         {{{"name", "input"},
                           {"data_type", "TYPE_FP32"},
                           {"format", "FORMAT_NCHW"},
                           {"dims", {model.input.channels, model.input.size, model.input.size}}}}},
                        {"output", {{{"name", "output"}, {"data_type", "TYPE_FP32"}, {"dims", {model.classes}}}}},
                        {"dynamic_batching",
                         {{"preferred_batch_size", {model.batching.max_batch}},
                          {"max_queue_delay_microseconds", model.batching.max_delay.count()},
                          {"preserve_ordering", false},
                          {"priority_levels", kPriorityLevels},
                          {"default_priority_level", kDefaultPriority},
                          {"default_queue_policy",
                           {{"timeout_action", "REJECT"},
                            {"default_timeout_microseconds", std::chrono::microseconds(model.batching.timeout).count()},
                            {"allow_timeout_override", true},
                            {"max_queue_size", model.batching.max_queue}}}}}});
}

std::string model_statistics(std::span<const std::shared_ptr<ServedModel>> models) {
  Json list = Json::array();
  for (const auto& model : models) list.push_back(statistics_of(*model));
  return dump_json(Json{{"model_stats", list}});
}

std::string repository_index(std::span<const Repository::Entry> entries) {
  Json list = Json::array();
  for (const Repository::Entry& entry : entries) {
    list.push_back(
        {{"name", entry.name}, {"version", entry.version}, {"state", state_name(entry)}, {"reason", entry.reason}});
  }
  return dump_json(list);
}

std::string error_text(std::string_view message) { return dump_json(Json{{"error", message}}); }

}  // namespace smlp::server
