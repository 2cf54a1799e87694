#include "formats/safetensors.h"

#include <gmock/gmock.h>

#include <cstring>
#include <tuple>

#include "formats/fixtures.h"

namespace smlp {
namespace {

using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::string file_of(const std::string& header, const std::string& data = "") {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, int begin, int end) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", name, dtype, shape, begin, end);
}

std::string problem(const std::string& header, const std::string& data = "") {
  TensorFile file;
  const std::string bytes = file_of(header, data);
  const auto read = read_safetensors(bytes_of(bytes), file);
  return read ? "no error" : read.error().message();
}

TEST(Safetensors, ReadsMisalignedDataAndMetadata) {
  // The header has an odd length, so the float32 data are misaligned.
  const float values[] = {1.5F, -2.5F};
  const std::string data = std::string(reinterpret_cast<const char*>(values), 8) + "\x01\x02\x03";
  std::string header =
      "{" + entry("a", "F32", "[2,1]", 0, 8) + "," + entry("b", "U8", "[3]", 8, 11) + R"(,"__metadata__":{"k":"v"}})";
  if (header.size() % 2 == 0) header += " ";
  const std::string bytes = file_of(header, data);
  TensorFile file;
  ASSERT_TRUE(read_safetensors(bytes_of(bytes), file));
  EXPECT_THAT(*file.tensors[0].to_float(), ElementsAre(1.5F, -2.5F));
  EXPECT_THAT(*file.tensors[1].to_float(), ElementsAre(1, 2, 3));
  EXPECT_THAT(file.metadata, ElementsAre(testing::Pair("k", "v")));
}

TEST(Safetensors, RefusesWhatTheFormatForbids) {
  const std::string good = entry("a", "F32", "[2]", 0, 8), data(8, '\0');
  EXPECT_EQ(problem("{" + good + "}", data), "no error");
  EXPECT_EQ(problem("{}"), "no error");
  EXPECT_EQ(problem("{" + entry("z", "F32", "[0,4]", 0, 0) + "}"), "no error");
  EXPECT_THAT(problem("{" + good + "}" + std::string(1, '\0') + "{\"more\": [", data), HasSubstr("a zero byte"));
  EXPECT_THAT(problem("{" + good + "}" + std::string(1, '\0'), data), HasSubstr("a zero byte in its header"));
  EXPECT_EQ(problem("{" + good + "}   ", data), "no error") << "what the format pads with";
  EXPECT_THAT(problem("{" + good + "}", data + "x"), HasSubstr("9 bytes of data, its header speaks of 8"));
  EXPECT_THAT(problem("{" + good + "}", "1234"),
              HasSubstr("tensor 'a': data_offsets 0 to 8 lie outside of the file's 4"));
  EXPECT_THAT(problem("{" + entry("a", "F32", "[3]", 0, 8) + "}", data),
              HasSubstr("takes 12 bytes, its data_offsets span 8"));
  EXPECT_THAT(problem("{" + entry("a", "F32", "[2]", 8, 0) + "}", data), HasSubstr("lie outside"));
  EXPECT_THAT(problem("{" + good + "," + good + "}", data), HasSubstr("key 'a' stands twice"));
  EXPECT_THAT(problem("{" + good + "," + entry("b", "F32", "[1]", 4, 8) + "}", data),
              HasSubstr("tensor 'b': its data start at 4, overlapping"));
  EXPECT_THAT(problem("{" + entry("a", "F32", "[1]", 4, 8) + "}", data), HasSubstr("with a gap"));
  EXPECT_THAT(problem("{" + entry("a", "F32", "[4611686018427387904,4]", 0, 8) + "}", data), HasSubstr("too large"));
  EXPECT_THAT(problem("{" + entry("a", "F32", "[-2]", 0, 8) + "}", data), HasSubstr("a negative number"));
  EXPECT_THAT(problem(R"({"a":{"dtype":"F32","shape":[2]}})", data),
              HasSubstr("lacks its dtype, shape or data_offsets"));
  EXPECT_THAT(problem(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}})", data), HasSubstr("a number"));
  EXPECT_THAT(problem(R"({"a":[1]})", data), HasSubstr("an array"));
  EXPECT_THAT(problem(R"({"a":{"b":{}}})", data), HasSubstr("an object"));
  EXPECT_THAT(problem(R"([])"), HasSubstr("an array"));
  EXPECT_THAT(problem("{" + good, data), HasSubstr("not JSON"));
  EXPECT_THAT(problem(std::string(100'000, '[')), HasSubstr("an array"));
  TensorFile file;
  const std::string huge = std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10);
  EXPECT_FALSE(read_safetensors(bytes_of(huge), file));
}

// Bits of an element, by the format's own list.
TEST(Safetensors, ATensorTakesTheBytesOfItsType) {
  const std::tuple<const char*, int, DType> types[] = {
      {"F64", 64, DType::f64},      {"F32", 32, DType::f32},      {"F16", 16, DType::f16},
      {"BF16", 16, DType::bf16},    {"I64", 64, DType::i64},      {"I32", 32, DType::i32},
      {"I16", 16, DType::i16},      {"I8", 8, DType::i8},         {"U8", 8, DType::u8},
      {"BOOL", 8, DType::boolean},  {"U64", 64, DType::other},    {"U32", 32, DType::other},
      {"U16", 16, DType::other},    {"C64", 64, DType::other},    {"F8_E4M3", 8, DType::other},
      {"F8_E5M2", 8, DType::other}, {"F8_E8M0", 8, DType::other}, {"F6_E2M3", 6, DType::other},
      {"F6_E3M2", 6, DType::other}, {"F4", 4, DType::other}};
  for (const auto& [name, bits, type] : types) {
    SCOPED_TRACE(name);
    for (const int bytes : {bits - 1, bits, bits + 1}) {  // of eight elements
      const std::string whole = file_of("{" + entry("a", name, "[2,4]", 0, bytes) + "}", std::string(bytes, '\0'));
      TensorFile file;
      EXPECT_EQ(read_safetensors(bytes_of(whole), file).has_value(), bytes == bits);
      if (bytes == bits) {
        EXPECT_EQ(file.tensors.at(0).dtype, type);
      }
    }
  }
  EXPECT_THAT(problem("{" + entry("a", "F4", "[3]", 0, 1) + "}", "1"),
              HasSubstr("takes 1 bytes, its data_offsets span 1"));
  EXPECT_THAT(problem("{" + entry("a", "F4", "[3]", 0, 2) + "}", "12"), HasSubstr("its data_offsets span 2"));
}

TEST(Safetensors, ShapesHaveLimits) {
  const auto shaped = [](const std::string& shape, int bytes) {
    return problem("{" + entry("a", "U8", shape, 0, bytes) + "}", std::string(static_cast<std::size_t>(bytes), 'x'));
  };
  const auto ones = [](int count) { return fmt::format("[{}]", fmt::join(std::vector<int>(count, 1), ",")); };
  EXPECT_EQ(shaped(ones(64), 1), "no error");
  EXPECT_THAT(shaped(ones(65), 1), HasSubstr("too many dimensions"));
  EXPECT_EQ(shaped("[]", 1), "no error");
  // Bits are counted in 63 bits: 2^59 bytes fit, 2^60 do not.
  EXPECT_EQ(shaped("[0,576460752303423488]", 0), "no error");
  EXPECT_THAT(shaped("[0,1152921504606846976]", 0), HasSubstr("shape (0, 1152921504606846976) is too large"));
  EXPECT_THAT(shaped("[4611686018427387904]", 0), HasSubstr("shape (4611686018427387904,) is too large"));
  EXPECT_THAT(shaped("[4611686018427387905]", 0), HasSubstr("a dimension too large"));
  EXPECT_THAT(shaped("[18446744073709551615]", 0), HasSubstr("a dimension too large"));
  EXPECT_THAT(shaped("[0,0]", 1), HasSubstr("takes 0 bytes, its data_offsets span 1"));
}

TEST(Safetensors, AnEntryHasATypeAShapeAndTwoOffsetsAndNothingElse) {
  const std::string dtype = R"("dtype":"U8")", shape = R"("shape":[1])", offsets = R"("data_offsets":[0,1])";
  const auto entry_of = [](const std::string& fields) { return problem(R"({"a":{)" + fields + "}}", "x"); };
  EXPECT_EQ(entry_of(offsets + "," + shape + "," + dtype), "no error");
  for (const std::string& fields :
       {shape + "," + offsets, dtype + "," + offsets, dtype + "," + shape, ""s,
        dtype + "," + shape + R"(,"data_offsets":[0])", dtype + "," + shape + R"(,"data_offsets":[])"}) {
    EXPECT_THAT(entry_of(fields), HasSubstr("tensor 'a' lacks its dtype, shape or data_offsets")) << fields;
  }
  const std::string whole = dtype + "," + shape + "," + offsets;
  const std::pair<std::string, const char*> cases[] = {
      {whole + R"(,"dtype":"U8")", "key 'dtype' stands twice"},
      {whole + R"(,"more":"text")", "the header has a text where the format has none (at 'more')"},
      {whole + R"(,"more":1)", "the header has a number where"},
      {whole + R"(,"more":[])", "the header has an array where"},
      {whole + R"(,"more":null)", "the header has null where"},
      {whole + R"(,"more":true)", "the header has a boolean where"},
      {R"("dtype":1)", "the header has a number where"},
      {R"("shape":["1"])", "the header has a text where"},
      {R"("shape":[1.0])", "the header has a number that is no integer where"},
      {R"("shape":[[1]])", "the header has an array where"},
      {R"("data_offsets":[-1,1])", "the header has a negative number where"},
      {R"("data_offsets":[{}])", "the header has an object where"},
  };
  for (const auto& [fields, words] : cases) EXPECT_THAT(entry_of(fields), HasSubstr(words)) << fields;
  EXPECT_THAT(problem(R"({"__metadata__":{"a":1}})"), HasSubstr("a number"));
  EXPECT_THAT(problem(R"({"__metadata__":{"a":"1","a":"2"}})"), HasSubstr("key 'a' stands twice"));
  EXPECT_THAT(problem(R"({"__metadata__":{},"__metadata__":{}})"), HasSubstr("key '__metadata__' stands twice"));
  EXPECT_EQ(problem(R"({"__metadata__":{"a":"1"},"a":{)" + whole + "}}", "x"), "no error");  // keys of their own
  EXPECT_THAT(problem(R"({"a":1})"), HasSubstr("a number"));
  EXPECT_THAT(problem(R"("a")"), HasSubstr("a text"));
  EXPECT_THAT(problem("{} {}"), HasSubstr("not JSON"));
}

TEST(Safetensors, TensorsMayStandInAnyOrderOfTheirData) {
  const std::string bytes = file_of("{" + entry("b", "U8", "[2]", 1, 3) + "," + entry("none", "U8", "[0]", 1, 1) + "," +
                                        entry("a", "U8", "[1]", 0, 1) + "}",
                                    "xyz");
  const auto file = read_bytes(bytes);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_THAT(*file->tensors.at(0).to_float(), ElementsAre('y', 'z'));
  EXPECT_THAT(*file->tensors.at(1).to_float(), ElementsAre());
  EXPECT_THAT(*file->tensors.at(2).to_float(), ElementsAre('x'));
}

TEST(Safetensors, HeadersHaveUpTo100MillionBytes) {
  TensorFile file;
  std::string bytes(8 + 100'000'001, ' ');
  bytes[8] = '{';
  bytes[9] = '}';
  const auto read_of = [&](std::uint64_t length) {
    std::memcpy(bytes.data(), &length, 8);
    const auto read = read_safetensors(bytes_of(bytes).first(8 + length), file);
    return read ? "no error" : read.error().message();
  };
  EXPECT_EQ(read_of(100'000'000), "no error");
  EXPECT_EQ(read_of(100'000'001), "a header of 100000001 bytes; the format allows 100000000");
}

TEST(Safetensors, UnknownTypesAreListedAndNotConverted) {
  const std::string bytes = file_of(
      "{" + entry("a", "F8_E4M3", "[2]", 0, 2) + "," + entry("b", "Q9", "[5]", 2, 8) + "}", std::string(8, '\0'));
  const auto file = read_bytes(bytes);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->tensors[1].dtype_text, "Q9");
  EXPECT_FALSE(file->tensors[0].to_float());
}

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  const std::string path = testing::TempDir() + "/written.safetensors";
  const std::vector<float> a = {1, 2, 3, 4, 5, 6};
  const std::vector<std::uint16_t> b = {0x3F80, 0xC000};
  const SafetensorsEntry entries[] = {{"a \"quoted\"", DType::f32, {2, 3}, std::as_bytes(std::span(a))},
                                      {"b", DType::bf16, {2}, std::as_bytes(std::span(b))}};
  ASSERT_TRUE(write_safetensors(path, entries, {{"key", "v\xC3\xA4lue"}}, Existing::replace));
  const auto file = read_tensor_file(path);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->tensors[0].name, "a \"quoted\"");
  EXPECT_EQ(file->tensors[0].shape_text(), "(2, 3)");
  EXPECT_EQ(*file->tensors[0].to_float(), a);
  EXPECT_THAT(*file->tensors[1].to_float(), ElementsAre(1.0F, -2.0F));
  EXPECT_EQ(file->metadata.at("key"), "v\xC3\xA4lue");
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file->tensors[0].storage.data()) % 64, 0U);
  // Wherever the header's text ends, it is filled up to a multiple of 64 bytes and no further.
  for (const std::size_t length : {0, 28, 29, 30, 64}) {
    ASSERT_TRUE(write_safetensors(path, {}, {{"key", std::string(length, 'v')}}, Existing::replace));
    const std::string bytes = read_text(path);
    EXPECT_EQ(bytes.size(), (8 + 27 + length + 63) / 64 * 64) << length;  // {"__metadata__":{"key":""}}
  }
  EXPECT_FALSE(write_safetensors(path, entries, {}, Existing::keep));
}

}  // namespace
}  // namespace smlp
