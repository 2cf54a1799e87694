#include "server/infer_response.h"

#include <algorithm>
#include <cmath>

#include "api/top_classes.h"
#include "base/json.h"

namespace smlp::server {
namespace {

std::string json_string(std::string_view text) { return dump_json(nlohmann::json(text)); }

// {"model_name":"m","model_version":"1","id":"7","outputs":[{"name":"output","datatype":"FP32","shape":[1,10],
// up to the data, which the caller adds with "]}" behind.
std::string opening(const ServedModel& model, const InferRequest& request, std::string_view datatype,
                    std::size_t pictures, std::size_t columns) {
  std::string text =
      fmt::format("{{\"model_name\":{},\"model_version\":{}", json_string(model.name), json_string(model.version));
  if (!request.id.empty()) text += fmt::format(",\"id\":{}", json_string(request.id));
  text += fmt::format(",\"outputs\":[{{\"name\":\"output\",\"datatype\":\"{}\",\"shape\":[{},{}],", datatype, pictures,
                      columns);
  return text;
}

Reply binary_reply(std::string head, std::size_t binary_bytes) {
  Reply reply{.content_type = "application/octet-stream", .body = std::move(head)};
  reply.body += fmt::format("\"parameters\":{{\"binary_data_size\":{}}}}}]}}", binary_bytes);
  reply.json_bytes = reply.body.size();
  reply.body.reserve(reply.body.size() + binary_bytes);
  return reply;
}

// Adds "9.871231:3:cassette player" of each of the best classes, best first.
Result<void> add_best(const ServedModel& model, const Logits& logits, std::size_t count,
                      std::vector<std::string>& lines) {
  SMLP_TRY(best, top_classes(logits, static_cast<int>(count), model.class_names));
  for (const Prediction& p : best) {
    const std::string name = model.class_names.empty() ? "" : ":" + p.label;
    lines.push_back(fmt::format("{:f}:{}{}", logits[static_cast<std::size_t>(p.index)], p.index, name));
  }
  return {};
}

Answer<Reply> write_classes(const ServedModel& model, const InferRequest& request, std::span<const Logits> logits) {
  const auto count = static_cast<std::size_t>(std::min(request.classification, model.classes));
  std::vector<std::string> elements;
  for (const Logits& one : logits) {
    if (const auto added = add_best(model, one, count, elements); !added) return refuse(500, "{}", added.error().what);
  }
  std::string head = opening(model, request, "BYTES", logits.size(), count);
  if (!request.binary_output) {
    head += "\"data\":[";
    for (std::size_t i = 0; i < elements.size(); ++i) head += (i > 0 ? "," : "") + json_string(elements[i]);
    return Reply{.body = std::move(head) + "]}]}"};
  }
  std::size_t bytes = 0;
  for (const std::string& element : elements) bytes += sizeof(std::uint32_t) + element.size();
  Reply reply = binary_reply(std::move(head), bytes);
  for (const std::string& element : elements) {
    const auto length = static_cast<std::uint32_t>(element.size());
    reply.body.append(reinterpret_cast<const char*>(&length), sizeof length);
    reply.body += element;
  }
  return reply;
}

Reply write_logits(const ServedModel& model, const InferRequest& request, std::span<const Logits> logits) {
  std::string head = opening(model, request, "FP32", logits.size(), static_cast<std::size_t>(model.classes));
  if (request.binary_output) {
    Reply reply =
        binary_reply(std::move(head), logits.size() * static_cast<std::size_t>(model.classes) * sizeof(float));
    for (const Logits& one : logits) {
      reply.body.append(reinterpret_cast<const char*>(one.data()), one.size() * sizeof(float));
    }
    return reply;
  }
  head += "\"data\":[";
  bool first = true;
  for (const Logits& one : logits) {
    for (const float value : one) {  // the shortest text that reads back as the same float
      fmt::format_to(std::back_inserter(head), "{}{}", first ? "" : ",", value);
      first = false;
    }
  }
  return {.body = std::move(head) + "]}]}"};
}

}  // namespace

Answer<Reply> write_infer_response(const ServedModel& model, const InferRequest& request,
                                   std::span<const Logits> logits) {
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (!std::ranges::all_of(logits[i], [](float value) { return std::isfinite(value); })) {
      return refuse(500, "the logits of picture {} are not finite: its values or the model's weights are too large", i);
    }
  }
  if (request.classification > 0) return write_classes(model, request, logits);
  return write_logits(model, request, logits);
}

}  // namespace smlp::server
