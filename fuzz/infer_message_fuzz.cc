// Messages of ModelInfer over gRPC. What is taken is pictures inside of the message, of the sizes that the model takes.
#include <cstdint>
#include <limits>

#include "server/infer_message.h"
#include "server/open_inference.pb.h"
#include "support/request_check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > std::numeric_limits<int>::max()) return 0;
  inference::ModelInferRequest message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return 0;
  const smlp::server::InputShape shape{.channels = 1, .size = 2};
  const auto request = smlp::server::read_infer_message(message, shape);
  if (!request) return 0;
  std::vector<std::span<const std::byte>> memory;
  for (const std::string& raw : message.raw_input_contents()) memory.push_back(std::as_bytes(std::span(raw)));
  for (const auto& input : message.inputs()) {
    const auto& values = input.contents().fp32_contents();
    memory.push_back(std::as_bytes(std::span(values.data(), static_cast<std::size_t>(values.size()))));
    for (const std::string& element : input.contents().bytes_contents()) {
      memory.push_back(std::as_bytes(std::span(element)));
    }
  }
  smlp::test::check_request(*request, shape, std::move(memory));
  return 0;
}
