// Inference requests over gRPC: where their pictures lie in the message, and what is refused.
#include "server/infer_message.h"

#include <gmock/gmock.h>

#include <cstring>

#include "server/open_inference.pb.h"

namespace smlp::server {
namespace {

using inference::ModelInferRequest;
using testing::HasSubstr;

constexpr InputShape kShape = {.channels = 3, .size = 2};  // 12 floats, 48 bytes

ModelInferRequest message_of(const std::string& datatype, const std::vector<std::int64_t>& shape) {
  ModelInferRequest message;
  auto& input = *message.add_inputs();
  input.set_name("input");
  input.set_datatype(datatype);
  for (const std::int64_t size : shape) input.add_shape(size);
  return message;
}

ModelInferRequest with_raw(const std::string& datatype, const std::vector<std::int64_t>& shape,
                           const std::string& raw) {
  ModelInferRequest message = message_of(datatype, shape);
  message.add_raw_input_contents(raw);
  return message;
}

std::string refusal_of(const ModelInferRequest& message) {
  const auto request = read_infer_message(message, kShape);
  if (request) return "";
  EXPECT_EQ(request.error().status, 400);
  return request.error().message;
}

TEST(ReadInferMessage, TakesTensorsAsRawContents) {
  const ModelInferRequest message = with_raw("FP32", {2, 3, 2, 2}, std::string(96, '\x3f'));
  const auto request = read_infer_message(message, kShape);
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(request->pictures.size(), 2u);
  const auto second = std::get<std::span<const float>>(request->pictures[1]);
  EXPECT_EQ(std::memcmp(second.data(), message.raw_input_contents(0).data() + 48, 48), 0);
}

TEST(ReadInferMessage, TakesTypedContents) {
  ModelInferRequest message = message_of("FP32", {1, 3, 2, 2});
  for (int i = 0; i < 12; ++i) message.mutable_inputs(0)->mutable_contents()->add_fp32_contents(static_cast<float>(i));
  const auto request = read_infer_message(message, kShape);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(std::get<std::span<const float>>(request->pictures.at(0))[11], 11.0f);

  message = message_of("BYTES", {2});
  message.mutable_inputs(0)->mutable_contents()->add_bytes_contents("first");
  message.mutable_inputs(0)->mutable_contents()->add_bytes_contents("second");
  const auto pictures = read_infer_message(message, kShape);
  ASSERT_TRUE(pictures) << pictures.error().message;
  EXPECT_EQ(std::get<std::span<const std::byte>>(pictures->pictures.at(1)).size(), 6u);
}

TEST(ReadInferMessage, TakesParametersOfEveryKind) {
  ModelInferRequest message = with_raw("FP32", {1, 3, 2, 2}, std::string(48, '\0'));
  message.set_id("7");
  (*message.mutable_parameters())["priority"].set_int64_param(2);
  (*message.mutable_parameters())["timeout"].set_uint64_param(1500);
  (*message.mutable_parameters())["mine"].set_string_param("passed over");
  auto& output = *message.add_outputs();
  output.set_name("output");
  (*output.mutable_parameters())["classification"].set_int64_param(3);
  const auto request = read_infer_message(message, kShape);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->id, "7");
  EXPECT_EQ(request->priority, 2);
  EXPECT_EQ(request->timeout, std::chrono::microseconds(1500));
  EXPECT_EQ(request->classification, 3);
}

TEST(ReadInferMessage, RefusesParametersOfTheWrongKind) {
  ModelInferRequest message = with_raw("FP32", {1, 3, 2, 2}, std::string(48, '\0'));
  (*message.mutable_parameters())["priority"].set_int64_param(-1);
  EXPECT_THAT(refusal_of(message), HasSubstr("'priority'"));
  (*message.mutable_parameters())["priority"].set_string_param("1");
  EXPECT_THAT(refusal_of(message), HasSubstr("'priority'"));
}

TEST(ReadInferMessage, RefusesWhatDoesNotFit) {
  EXPECT_THAT(refusal_of({}), HasSubstr("'inputs' is empty"));
  EXPECT_THAT(refusal_of(with_raw("FP32", {-1, 3, 2, 2}, "")), HasSubstr("negative"));
  EXPECT_THAT(refusal_of(with_raw("FP32", {1, 3, 2, 2}, std::string(47, '\0'))), HasSubstr("comes with 47 bytes"));
  EXPECT_THAT(refusal_of(with_raw("FP32", {INT64_MAX, 3, 2, 2}, "")), HasSubstr("at most 4096"));
  EXPECT_THAT(refusal_of(with_raw("FP32", {1, 1, 1, 1, 1, 1, 1, 1, 1}, "")), HasSubstr("more than 8 dimensions"));
  EXPECT_THAT(refusal_of(with_raw("INT8", {1, 3, 2, 2}, "")), HasSubstr("'INT8'"));
  ModelInferRequest message = with_raw("FP32", {1, 3, 2, 2}, std::string(48, '\0'));
  message.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
  EXPECT_THAT(refusal_of(message), HasSubstr("give one"));
  message = with_raw("FP32", {1, 3, 2, 2}, std::string(48, '\0'));
  message.add_raw_input_contents("more");
  EXPECT_THAT(refusal_of(message), HasSubstr("more elements than inputs"));
  message = with_raw("FP32", {1, 3, 2, 2}, std::string(48, '\0'));
  *message.add_inputs() = message.inputs(0);
  EXPECT_THAT(refusal_of(message), HasSubstr("there twice"));
  message = message_of("FP32", {1, 3, 2, 2});
  message.mutable_inputs(0)->mutable_contents()->add_int64_contents(1);
  EXPECT_THAT(refusal_of(message), HasSubstr("another type's contents"));
  message = message_of("BYTES", {2});
  message.mutable_inputs(0)->mutable_contents()->add_bytes_contents("one");
  EXPECT_THAT(refusal_of(message), HasSubstr("holds 1 elements; its shape says 2"));
}

}  // namespace
}  // namespace smlp::server
