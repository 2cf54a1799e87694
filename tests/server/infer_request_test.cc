// The parser of inference requests over HTTP: what it takes, and the words with which it refuses.
#include "server/infer_request.h"

#include <gmock/gmock.h>

#include <cstring>

#include "server/request_body.h"

namespace smlp::server {
namespace {

using testing::HasSubstr;

constexpr InputShape kShape = {.channels = 3, .size = 2};  // 12 floats, 48 bytes

// A request's memory as a connection has it: aligned for the part behind the JSON, padded behind the end.
class Memory {
 public:
  Memory(std::string_view json, std::string_view binary) : body_(json.size(), 1 << 26) {
    const std::string all = std::string(json) + std::string(binary);
    EXPECT_TRUE(body_.reserve(all.size()));
    if (!all.empty()) std::memcpy(body_.room()->data(), all.data(), all.size());
    body_.filled(all.size());
  }
  std::span<const std::byte> bytes() const { return body_.bytes(); }

 private:
  RequestBody body_;
};

std::string floats(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i) / 4;
  return {reinterpret_cast<const char*>(values.data()), count * sizeof(float)};
}

std::string element(std::string_view bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + std::string(bytes);
}

// An input of datatype FP32 whose `data` are `numbers`; `more` is added to the request.
std::string with_numbers(std::string_view shape, std::string_view numbers, std::string_view more = "") {
  return fmt::format(R"({{"inputs": [{{"name": "input", "datatype": "FP32", "shape": {}, "data": {}}}]{}}})", shape,
                     numbers, more);
}

std::string with_binary(std::string_view datatype, std::string_view shape, std::size_t bytes) {
  return fmt::format(
      R"({{"inputs": [{{"name": "input", "datatype": "{}", "shape": {}, "parameters": {{"binary_data_size": {}}}}}]}})",
      datatype, shape, bytes);
}

constexpr std::string_view kTwelve = "[0,1,2,3,4,5,6,7,8,9,10,11]";

// What a request without a binary part is refused with; empty: it is taken.
std::string refusal_of(std::string_view json, int status = 400) {
  const Memory memory(json, "");
  const auto request = parse_infer_request(memory.bytes(), std::nullopt, kShape);
  if (request) return "";
  EXPECT_EQ(request.error().status, status) << request.error().message;
  return request.error().message;
}

std::string refusal_of_binary(std::string_view json, std::string_view binary) {
  const Memory memory(json, binary);
  const auto request = parse_infer_request(memory.bytes(), json.size(), kShape);
  return request ? "" : request.error().message;
}

TEST(ParseInferRequest, TakesNumbersFlatOrNested) {
  for (const std::string_view numbers : {kTwelve, std::string_view("[[[[0,1],[2,3]],[[4,5],[6,7]],[[8,9],[10,11]]]]"),
                                         std::string_view("[[0,1e0,2.0,3,4,5],[6,7,8,9,10,11]]")}) {
    const std::string json = with_numbers("[1,3,2,2]", numbers, R"(, "id": "7", "unknown": [1])");
    const Memory memory(json, "");
    const auto request = parse_infer_request(memory.bytes(), std::nullopt, kShape);
    ASSERT_TRUE(request) << request.error().message;
    EXPECT_EQ(request->id, "7");
    ASSERT_EQ(request->pictures.size(), 1u);
    const auto values = std::get<std::span<const float>>(request->pictures[0]);
    for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(values[i], static_cast<float>(i));
    EXPECT_EQ(request->priority, kDefaultPriority);
    EXPECT_FALSE(request->binary_output());
  }
}

TEST(ParseInferRequest, UsesBinaryTensorsWhereTheyLie) {
  const std::string json = with_binary("FP32", "[2,3,2,2]", 96), binary = floats(24);
  const Memory memory(json, binary);
  const auto request = parse_infer_request(memory.bytes(), json.size(), kShape);
  ASSERT_TRUE(request) << request.error().message;
  ASSERT_EQ(request->pictures.size(), 2u);
  EXPECT_TRUE(request->values.empty()) << "nothing is copied";
  for (std::size_t i = 0; i < 2; ++i) {
    const auto values = std::get<std::span<const float>>(request->pictures[i]);
    EXPECT_EQ(std::memcmp(values.data(), binary.data() + i * 48, 48), 0);
    EXPECT_EQ(reinterpret_cast<const std::byte*>(values.data()), memory.bytes().data() + json.size() + i * 48);
  }
}

TEST(ParseInferRequest, TakesEncodedPicturesAsElements) {
  for (const std::string_view shape : {"[2]", "[2,1]"}) {
    const std::string binary = element("abc") + element("");
    const std::string json = with_binary("BYTES", shape, binary.size());
    const Memory memory(json, binary);
    const auto request = parse_infer_request(memory.bytes(), json.size(), kShape);
    ASSERT_TRUE(request) << request.error().message;
    ASSERT_EQ(request->pictures.size(), 2u);
    const auto first = std::get<std::span<const std::byte>>(request->pictures[0]);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(first.data()), first.size()), "abc");
    EXPECT_TRUE(std::get<std::span<const std::byte>>(request->pictures[1]).empty());
  }
}

TEST(ParseInferRequest, TakesParameters) {
  const std::string json =
      with_numbers("[1,3,2,2]", kTwelve,
                   R"(, "parameters": {"priority": 2, "timeout": 1500, "binary_data_output": true, "mine": {"a": [1]}},
          "outputs": [{"name": "output", "parameters": {"classification": 3, "binary_data": false}}])");
  const Memory memory(json, "");
  const auto request = parse_infer_request(memory.bytes(), std::nullopt, kShape);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->priority, 2);
  EXPECT_EQ(request->timeout, std::chrono::microseconds(1500));
  EXPECT_EQ(request->classification, 3);
  EXPECT_FALSE(request->binary_output()) << "an output's own word goes before the request's";
}

TEST(ParseInferRequest, LimitsWhatParametersMean) {
  const auto parsed = [](std::string_view parameters) {
    const std::string json = with_numbers("[1,3,2,2]", kTwelve, fmt::format(R"(, "parameters": {})", parameters));
    const Memory memory(json, "");
    return parse_infer_request(memory.bytes(), std::nullopt, kShape);
  };
  EXPECT_EQ(parsed(R"({"timeout": 18446744073709551615})")->timeout, std::chrono::hours(24));
  EXPECT_FALSE(parsed(R"({"timeout": 0})")->timeout);
  EXPECT_EQ(parsed(R"({"priority": 0})")->priority, kDefaultPriority);
  EXPECT_EQ(parsed(R"({"priority": 8})")->priority, 8);
  for (const std::string_view wrong :
       {R"({"priority": 9})", R"({"priority": -1})", R"({"priority": "1"})", R"({"timeout": 1.5})",
        R"({"timeout": 18446744073709551616})", R"({"binary_data_output": 1})", R"({"sequence_id": 4})",
        R"({"priority": 1, "priority": 2})", "[]", "null"}) {
    const auto refused = parsed(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().status, 400) << wrong;
  }
}

TEST(ParseInferRequest, RefusesWhatIsNoRequest) {
  EXPECT_THAT(refusal_of(""), HasSubstr("no body"));
  for (const std::string_view text : {"{", "nonsense", "{\"inputs\": [}", "{} {}", "\xff\xfe", "{\"a\": \"\x01\"}"}) {
    EXPECT_THAT(refusal_of(text), HasSubstr("not valid JSON")) << text;
  }
  EXPECT_THAT(refusal_of("[]"), HasSubstr("not an object"));
  EXPECT_THAT(refusal_of("{}"), HasSubstr("has no 'inputs'"));
  EXPECT_THAT(refusal_of(R"({"inputs": []})"), HasSubstr("is empty"));
  EXPECT_THAT(refusal_of(R"({"inputs": 7})"), HasSubstr("not an array"));
  EXPECT_THAT(refusal_of(R"({"inputs": [7]})"), HasSubstr("not an object"));
  EXPECT_THAT(refusal_of(R"({"id": 7, "inputs": []})"), HasSubstr("'id' is not a string"));
  EXPECT_THAT(refusal_of(R"({"id": "a", "id": "b", "inputs": []})"), HasSubstr("'id' twice"));
}

TEST(ParseInferRequest, RefusesDepthAndWidth) {
  EXPECT_THAT(refusal_of(std::string(10'000, '[')), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal_of(with_numbers("[1,3,2,2]", "[[[[[0]]]]]")), HasSubstr("nested deeper"));
  std::string members;
  for (int i = 0; i < 300; ++i) members += fmt::format(R"("m{}": 1,)", i);
  EXPECT_THAT(refusal_of("{" + members + R"("inputs": []})"), HasSubstr("more than 256 members"));
  EXPECT_THAT(refusal_of(std::string(kMaxJsonRequest + 1, ' '), 413), HasSubstr("send tensors as binary data"));
}

TEST(ParseInferRequest, RefusesInputsThatDoNotFit) {
  EXPECT_THAT(refusal_of(R"({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": []}]})"),
              HasSubstr("unexpected input 'x'"));
  EXPECT_THAT(refusal_of(R"({"inputs": [{"datatype": "FP32", "shape": [1], "data": []}]})"), HasSubstr("no 'name'"));
  EXPECT_THAT(refusal_of(R"({"inputs": [{"name": "input", "shape": [1], "data": []}]})"), HasSubstr("no 'datatype'"));
  EXPECT_THAT(refusal_of(R"({"inputs": [{"name": "input", "datatype": "FP32", "data": []}]})"),
              HasSubstr("no 'shape'"));
  EXPECT_THAT(refusal_of(R"({"inputs": [{"name": "input", "datatype": "FP32", "shape": [1]}]})"),
              HasSubstr("neither 'data' nor"));
  EXPECT_THAT(refusal_of(R"({"inputs": [{"name": "input", "datatype": "FP32", "shape": [1], "data": [],
                             "parameters": {"binary_data_size": 4}}]})"),
              HasSubstr("give one"));
  EXPECT_THAT(refusal_of(R"({"inputs": [{"name": "input", "datatype": "FP32", "shape": [1], "data": [],
                             "parameters": {"shared_memory_region": "r"}}]})"),
              HasSubstr("shared memory is not supported"));
  const std::string one = R"({"name": "input", "datatype": "FP32", "shape": [1,3,2,2], "data": []})";
  EXPECT_THAT(refusal_of(fmt::format(R"({{"inputs": [{0}, {0}]}})", one)), HasSubstr("there twice"));
}

TEST(ParseInferRequest, RefusesShapesBeforeMemory) {
  for (const std::string_view shape : {"[1,3,2,3]", "[3,2,2]", "[]", "[1,3,2,2,1]"}) {
    EXPECT_THAT(refusal_of(with_numbers(shape, kTwelve)), HasSubstr("FP32 takes [N,3,2,2]")) << shape;
  }
  EXPECT_THAT(refusal_of(with_numbers("[1,1,1,1,1,1,1,1,1]", "[]")), HasSubstr("more than 8 dimensions"));
  for (const std::string_view shape : {"[-1,3,2,2]", "[1.5,3,2,2]", "[\"1\",3,2,2]", "[18446744073709551616,3,2,2]"}) {
    EXPECT_FALSE(refusal_of(with_numbers(shape, kTwelve)).empty()) << shape;
  }
  EXPECT_THAT(refusal_of(with_numbers("[0,3,2,2]", "[]")), HasSubstr("holds no picture"));
  EXPECT_THAT(refusal_of(with_numbers("[18446744073709551615,3,2,2]", "[]")), HasSubstr("at most 4096"));
  EXPECT_THAT(refusal_of(with_numbers("[2,3,2,2]", kTwelve)), HasSubstr("holds 12 numbers; its shape says 24"));
  EXPECT_THAT(refusal_of(with_numbers("[1,3,2,2]", "[0,1,2,3,4,5,6,7,8,9,10,11,12]")), HasSubstr("more than the 12"));
  for (const std::string_view number : {"\"1\"", "null", "true", "{}", "1e39", "-1e39"}) {
    EXPECT_FALSE(refusal_of(with_numbers("[1,3,2,2]", fmt::format("[{}]", number))).empty()) << number;
  }
}

TEST(ParseInferRequest, RefusesBinaryPartsThatLie) {
  const std::string json = with_binary("FP32", "[1,3,2,2]", 48);
  EXPECT_EQ(refusal_of_binary(json, floats(12)), "");
  EXPECT_THAT(refusal_of_binary(json, floats(11)), HasSubstr("44 bytes follow the JSON"));
  EXPECT_THAT(refusal_of_binary(json, floats(13)), HasSubstr("52 bytes follow the JSON"));
  EXPECT_THAT(refusal_of_binary(with_binary("FP32", "[2,3,2,2]", 48), floats(12)), HasSubstr("comes with 48 bytes"));
  EXPECT_THAT(refusal_of_binary(with_binary("INT64", "[1,3,2,2]", 48), floats(12)), HasSubstr("datatype 'INT64'"));
  const auto bytes = [](std::string_view shape, const std::string& binary) {
    return refusal_of_binary(with_binary("BYTES", shape, binary.size()), binary);
  };
  EXPECT_THAT(bytes("[1]", "\x05"), HasSubstr("ends within"));
  EXPECT_THAT(bytes("[1]", std::string("\x05\x00\x00\x00", 4) + "abcd"), HasSubstr("claims 5 bytes; 4 are left"));
  EXPECT_THAT(bytes("[1]", "\xff\xff\xff\xff"), HasSubstr("claims 4294967295 bytes; 0 are left"));
  EXPECT_THAT(bytes("[1]", element("a") + element("b")), HasSubstr("behind its last element"));
  EXPECT_THAT(bytes("[2]", element("a")), HasSubstr("holds 1 elements; its shape says 2"));
  EXPECT_THAT(bytes("[1,2]", element("a")), HasSubstr("BYTES takes [N]"));
  const Memory memory("{}", "");
  EXPECT_THAT(parse_infer_request(memory.bytes(), 3, kShape).error().message, HasSubstr("the body has 2 bytes"));
  EXPECT_THAT(parse_infer_request(memory.bytes(), 0, kShape).error().message, HasSubstr("no body"));
}

TEST(ParseInferRequest, RefusesPicturesAsJsonStrings) {
  EXPECT_THAT(refusal_of(R"({"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1], "data": ["abc"]}]})"),
              HasSubstr("send them as binary data"));
}

TEST(ParseInferRequest, RefusesOutputsThatThereAreNot) {
  const auto with = [](std::string_view outputs) {
    return refusal_of(with_numbers("[1,3,2,2]", kTwelve, fmt::format(R"(, "outputs": {})", outputs)));
  };
  EXPECT_EQ(with("[]"), "");
  EXPECT_THAT(with(R"([{"name": "logits"}])"), HasSubstr("unexpected output 'logits'"));
  EXPECT_THAT(with(R"([{"name": "output"}, {"name": "output"}])"), HasSubstr("asked for twice"));
  EXPECT_THAT(with(R"([{}])"), HasSubstr("no 'name'"));
  EXPECT_THAT(with("7"), HasSubstr("not an array"));
  EXPECT_THAT(with(R"([{"name": "output", "parameters": {"classification": -1}}])"), HasSubstr("classification"));
  EXPECT_THAT(with(R"([{"name": "output", "parameters": {"shared_memory_offset": 1}}])"), HasSubstr("shared memory"));
}

TEST(ParseInferRequest, AnswersRepeatNoControlCharacters) {
  const std::string said = refusal_of(R"({"inputs": [{"name": "\u001b[31m)" + std::string(1000, 'x') +
                                      R"(", "datatype": "FP32", "shape": [1], "data": []}]})");
  EXPECT_EQ(said.find('\x1b'), std::string::npos);
  EXPECT_LT(said.size(), 200u);
}

TEST(ParseRawRequest, TakesAPictureOrTensors) {
  const std::string jpeg = "\xff\xd8\xff\xe0 and so on", png = "\x89PNG\r\n\x1a\n and so on";
  for (const std::string& picture : {jpeg, png}) {
    const Memory memory("", picture);
    for (const std::string_view type : {"image/jpeg", "application/octet-stream", ""}) {
      const auto request = parse_raw_request(memory.bytes(), type, kShape);
      ASSERT_TRUE(request) << request.error().message;
      EXPECT_EQ(std::get<std::span<const std::byte>>(request->pictures.at(0)).size(), picture.size());
    }
  }
  const Memory memory("", floats(36));
  const auto request = parse_raw_request(memory.bytes(), "", kShape);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->pictures.size(), 3u);
}

TEST(ParseRawRequest, RefusesWhatMayBeEitherOrNeither) {
  const std::string both = "\xff\xd8\xff\xe0" + std::string(44, 'x');
  EXPECT_THAT(parse_raw_request(Memory("", both).bytes(), "", kShape).error().message,
              HasSubstr("may be a picture or"));
  EXPECT_TRUE(parse_raw_request(Memory("", both).bytes(), "image/jpeg", kShape));
  for (const std::string& neither : {std::string(), floats(11), std::string("text")}) {
    EXPECT_THAT(parse_raw_request(Memory("", neither).bytes(), "", kShape).error().message, HasSubstr("neither"));
  }
  EXPECT_THAT(parse_raw_request(Memory("", floats(12 * (kMaxPictures + 1))).bytes(), "", kShape).error().message,
              HasSubstr("at most 4096"));
}

}  // namespace
}  // namespace smlp::server
