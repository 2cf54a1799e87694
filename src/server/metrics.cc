#include "server/metrics.h"

#include <functional>

namespace smlp::server {
namespace {

using Models = std::span<const std::shared_ptr<ServedModel>>;

// A label's value: backslash, quotation mark and line feed are escaped (Prometheus, "Text-based format").
std::string label_value(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c == '\n' ? "\\n" : std::string(1, c);
  }
  return escaped;
}

std::string labels_of(const ServedModel& model, std::string_view more = "") {
  return fmt::format("model=\"{}\",version=\"{}\"{}", label_value(model.name), label_value(model.version), more);
}

void add_family(std::string& text, std::string_view name, std::string_view type, std::string_view help) {
  text += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
}

using Value = std::function<std::uint64_t(const ServedModel&, const BatcherStatistics&)>;

struct Counter {
  std::string_view name, type, help;
  Value value;
};

void add_histogram(std::string& text, std::string_view name, const ServedModel& model, const TimeStatistics& times) {
  std::uint64_t below = 0;
  for (std::size_t bucket = 0; bucket + 1 < times.histogram.size(); ++bucket) {
    below += times.histogram[bucket];
    text +=
        fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels_of(model), (std::uint64_t{1} << bucket) - 1, below);
  }
  text += fmt::format("{0}_bucket{{{1},le=\"+Inf\"}} {2}\n{0}_sum{{{1}}} {3}\n{0}_count{{{1}}} {2}\n", name,
                      labels_of(model), times.count, times.sum);
}

void add_batch_sizes(std::string& text, const ServedModel& model, const BatcherStatistics& batches) {
  constexpr std::string_view name = "smlp_batch_size";
  std::uint64_t below = 0, sum = 0;
  for (std::size_t size = 1; size < batches.batches.size(); ++size) {
    below += batches.batches[size];
    sum += size * batches.batches[size];
    const bool shown = (size & (size - 1)) == 0 || size + 1 == batches.batches.size();
    if (shown) text += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels_of(model), size, below);
  }
  text += fmt::format("{0}_bucket{{{1},le=\"+Inf\"}} {2}\n{0}_sum{{{1}}} {3}\n{0}_count{{{1}}} {2}\n", name,
                      labels_of(model), below, sum);
}

}  // namespace

std::string metrics_text(Models models) {
  const Counter counters[] = {
      {"nv_inference_request_success", "counter", "Requests that were answered",
       [](const auto& model, const auto&) { return model.counts.succeeded.load(); }},
      {"nv_inference_count", "counter", "Pictures of answered requests",
       [](const auto& model, const auto&) { return model.counts.pictures.load(); }},
      {"nv_inference_exec_count", "counter", "Batches that ran",
       [](const auto&, const auto& batches) { return batches.compute.count; }},
      {"nv_inference_pending_request_count", "gauge", "Pictures that wait for a batch",
       [](const auto&, const auto& batches) { return batches.queued; }},
      {"nv_inference_request_duration_us", "counter", "Time of answered requests",
       [](const auto& model, const auto&) { return model.counts.succeeded_ns / 1000; }},
      {"nv_inference_queue_duration_us", "counter", "Time of answered requests in the queue",
       [](const auto& model, const auto&) { return model.counts.queue_ns / 1000; }},
      {"nv_inference_compute_input_duration_us", "counter", "Time of reading requests",
       [](const auto& model, const auto&) { return model.counts.input_ns / 1000; }},
      {"nv_inference_compute_infer_duration_us", "counter", "Time of decoding and inference of requests",
       [](const auto& model, const auto&) { return model.counts.infer_ns / 1000; }},
      {"nv_inference_compute_output_duration_us", "counter", "Time of writing answers",
       [](const auto& model, const auto&) { return model.counts.output_ns / 1000; }},
  };
  std::vector<BatcherStatistics> batches;
  batches.reserve(models.size());
  for (const auto& model : models) batches.push_back(model->batcher.statistics());
  std::string text;
  for (const Counter& counter : counters) {
    add_family(text, counter.name, counter.type, counter.help);
    for (std::size_t i = 0; i < models.size(); ++i) {
      text += fmt::format("{}{{{}}} {}\n", counter.name, labels_of(*models[i]), counter.value(*models[i], batches[i]));
    }
  }
  constexpr std::string_view failure = "nv_inference_request_failure";
  add_family(text, failure, "counter", "Requests that were refused or failed, by reason");
  for (const auto& model : models) {
    const RequestCounts& counts = model->counts;
    const std::pair<std::string_view, std::uint64_t> reasons[] = {{"REJECTED", counts.rejected},
                                                                  {"CANCELED", counts.cancelled},
                                                                  {"TIMEOUT", counts.timed_out},
                                                                  {"OTHER", counts.failed}};
    for (const auto& [reason, count] : reasons) {
      text += fmt::format("{}{{{}}} {}\n", failure, labels_of(*model, fmt::format(",reason=\"{}\"", reason)), count);
    }
  }
  add_family(text, "smlp_queue_time_us", "histogram", "Time of a picture from its arrival to its batch, microseconds");
  for (std::size_t i = 0; i < models.size(); ++i)
    add_histogram(text, "smlp_queue_time_us", *models[i], batches[i].queue);
  add_family(text, "smlp_compute_time_us", "histogram", "Time of a batch, microseconds");
  for (std::size_t i = 0; i < models.size(); ++i) {
    add_histogram(text, "smlp_compute_time_us", *models[i], batches[i].compute);
  }
  add_family(text, "smlp_batch_size", "histogram", "Pictures of a batch");
  for (std::size_t i = 0; i < models.size(); ++i) add_batch_sizes(text, *models[i], batches[i]);
  return text;
}

}  // namespace smlp::server
