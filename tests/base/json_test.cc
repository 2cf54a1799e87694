#include "base/json.h"

#include <gmock/gmock.h>

namespace smlp {
namespace {

using testing::HasSubstr;

std::string problem(const std::string& text) {
  const auto value = parse_json(text);
  return value ? "no error" : value.error().message();
}

std::string nested(std::size_t depth, const std::string& open, const std::string& close, const std::string& inner) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += inner;
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(Json, IsReadAsItIs) {
  const auto value = parse_json(R"( {"a": [1, -2.5, "x\u00e9", null, true], "b": {}} )");
  ASSERT_TRUE(value) << value.error().message();
  EXPECT_EQ(value->dump(), R"({"a":[1,-2.5,"xé",null,true],"b":{}})");
}

TEST(Json, WhatIsNoneIsRefusedWithTheByte) {
  EXPECT_EQ(problem("[1, 2"), "not JSON (at byte 5)");
  EXPECT_EQ(problem("[1, x]"), "not JSON (at byte 4)");
  EXPECT_THAT(problem(""), HasSubstr("not JSON"));
  EXPECT_THAT(problem("{} {}"), HasSubstr("not JSON"));
  EXPECT_THAT(problem("[1e999]"), HasSubstr("not JSON"));
  EXPECT_THAT(problem("\"\xff\""), HasSubstr("not JSON"));
  // The library takes a zero byte for the end of the text.
  EXPECT_EQ(problem(std::string("{}\0", 3)), "not JSON (at byte 2)");
  EXPECT_EQ(problem(std::string("{\"label\":3}\0{\"label\":5}", 23)), "not JSON (at byte 11)");
}

template <class T>
std::string as_number(const std::string& text) {
  try {
    return std::to_string(exact<T>(*parse_json(text)));
  } catch (const nlohmann::json::exception&) {
    return "refused";
  }
}

TEST(Json, WholeNumbersAreExactOrRefused) {
  EXPECT_EQ(as_number<int>("-2147483648"), "-2147483648");
  EXPECT_EQ(as_number<int>("2147483647"), "2147483647");
  EXPECT_EQ(as_number<std::uint64_t>("18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(as_number<std::int64_t>("-9223372036854775808"), "-9223372036854775808");
  for (const char* text : {"2147483648", "-2147483649", "4294967297", "18446744073709551615", "1.5", "1.0", "1e300",
                           "-1e300", "true", "false", "null", "\"1\"", "[1]", "{}"}) {
    EXPECT_EQ(as_number<int>(text), "refused") << text;
  }
  EXPECT_EQ(as_number<std::uint64_t>("-1"), "refused");
  EXPECT_EQ(as_number<std::int64_t>("9223372036854775808"), "refused");
}

TEST(Json, FaultsAreWordsForPeople) {
  const auto fault = [](auto read) -> std::string {
    const auto json = nlohmann::ordered_json::parse(R"({"text": "t", "list": [1], "object": {"a": 1}, "half": 0.5})");
    try {
      read(json);
    } catch (const nlohmann::json::exception& error) {
      return json_fault(error);
    }
    return "no fault";
  };
  EXPECT_EQ(fault([](const auto& json) { (void)json.at("shard"); }), "it lacks 'shard'");
  EXPECT_EQ(fault([](const auto& json) { (void)json.at("it's"); }), "it lacks 'it's'");
  EXPECT_EQ(fault([](const auto& json) { (void)json.at("list").at(1); }), "an array is too short");
  EXPECT_EQ(fault([](const auto& json) { (void)json.at("list").at("a"); }), "array was not expected here");
  EXPECT_EQ(fault([](const auto& json) { (void)json.at("half").at("a"); }), "number was not expected here");
  EXPECT_EQ(fault([](const auto& json) { (void)json.at("half").template get<std::string>(); }),
            "string was expected, not number");
  EXPECT_EQ(fault([](const auto& json) { (void)json.at("object").template get<double>(); }),
            "number was expected, not object");
  EXPECT_EQ(fault([](const auto& json) { (void)exact<int>(json.at("half")); }),
            "a whole number was expected, of the range that makes sense here");
  EXPECT_EQ(fault([](const auto&) { throw nlohmann::json::other_error::create(501, "as we say it", nullptr); }),
            "as we say it");
}

TEST(Json, DepthHasALimit) {
  EXPECT_EQ(problem(nested(kMaxJsonDepth, "[", "]", "1")), "no error");
  EXPECT_THAT(problem(nested(kMaxJsonDepth + 1, "[", "]", "1")), HasSubstr("nested more than 32 deep"));
  EXPECT_EQ(problem(nested(kMaxJsonDepth, "{\"a\":", "}", "1")), "no error");
  EXPECT_THAT(problem(nested(kMaxJsonDepth + 1, "{\"a\":", "}", "1")), HasSubstr("nested more than 32 deep"));
}

TEST(Json, AMillionBracketsAreRefusedAndNotASegmentationFault) {
  for (const std::string& text : {std::string(1'000'000, '['), nested(1'000'000, "[", "]", ""),
                                  nested(200'000, "{\"a\":", "}", "[]"), nested(200'000, "[{\"a\":", "}]", "")}) {
    EXPECT_THAT(problem(text), HasSubstr("nested more than 32 deep"));
  }
}

TEST(Json, AKeyTwiceIsRefused) {
  EXPECT_THAT(problem(R"({"a": 1, "b": 2, "a": 3})"), HasSubstr("the key 'a' twice"));
  EXPECT_THAT(problem(R"([{"x": {"a": 1, "\u0061": 3}}])"), HasSubstr("the key 'a' twice"));
  EXPECT_EQ(problem(R"([{"a": {"a": 1}}, {"a": 1}])"), "no error");  // of different objects
}

TEST(Json, SizeHasALimit) {
  std::string text = "[\"" + std::string(kMaxJsonBytes - 4, 'x') + "\"]";
  EXPECT_EQ(problem(text), "no error");
  text.insert(2, "x");
  EXPECT_THAT(problem(text), HasSubstr("at most 67108864 are read"));
}

TEST(Json, TheNumberOfValuesHasALimit) {
  std::string text = "[0";  // the list itself is a value, too
  for (std::size_t i = 2; i < kMaxJsonValues; ++i) text += ",0";
  EXPECT_EQ(problem(text + "]"), "no error");
  EXPECT_THAT(problem(text + ",0]"), HasSubstr("more than 4194304 values"));
  EXPECT_THAT(problem(text + ",[]]"), HasSubstr("more than 4194304 values"));
}

}  // namespace
}  // namespace smlp
