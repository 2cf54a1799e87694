#include "server/infer_response.h"

#include "base/json.h"

namespace smlp::server {
namespace {

std::string json_string(std::string_view text) { return dump_json(nlohmann::json(text)); }

// {"model_name":"m","model_version":"1","id":"7","outputs":[{"name":"output","datatype":"FP32","shape":[1,10],
// up to the data, which the caller adds with "]}" behind.
std::string opening(const ServedModel& model, const InferRequest& request, const InferOutput& output) {
  std::string text =
      fmt::format("{{\"model_name\":{},\"model_version\":{}", json_string(model.name), json_string(model.version));
  if (!request.id.empty()) text += fmt::format(",\"id\":{}", json_string(request.id));
  text += fmt::format(",\"outputs\":[{{\"name\":\"output\",\"datatype\":\"{}\",\"shape\":[{},{}],", output.datatype(),
                      output.rows, output.columns);
  return text;
}

Reply binary_reply(std::string head, const InferOutput& output) {
  Reply reply{.content_type = "application/octet-stream", .body = std::move(head)};
  reply.body += fmt::format("\"parameters\":{{\"binary_data_size\":{}}}}}]}}", output.raw_bytes());
  reply.json_bytes = reply.body.size();
  output.add_raw(reply.body);
  return reply;
}

}  // namespace

Answer<Reply> write_infer_response(const ServedModel& model, const InferRequest& request,
                                   std::span<const Logits> logits) {
  const auto output = infer_output(model, request, logits);
  if (!output) return std::unexpected(output.error());
  std::string text = opening(model, request, *output);
  if (request.binary_output()) return binary_reply(std::move(text), *output);
  if (const auto finite = check_finite(logits); !finite) return std::unexpected(finite.error());
  text += "\"data\":[";
  std::string_view between;
  for (const std::string& element : output->best) {
    text += fmt::format("{}{}", std::exchange(between, ","), json_string(element));
  }
  if (output->best.empty()) {
    for (const Logits& one : logits) {
      for (const float value : one) {  // the shortest text that reads back as the same float
        fmt::format_to(std::back_inserter(text), "{}{}", std::exchange(between, ","), value);
      }
    }
  }
  return Reply{.body = std::move(text) + "]}]}"};
}

}  // namespace smlp::server
