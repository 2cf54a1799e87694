#include "formats/safetensors.h"

#include <gmock/gmock.h>

#include "formats/fixtures.h"

namespace smlp {
namespace {

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
  EXPECT_FALSE(write_safetensors(path, entries, {}, Existing::keep));
}

}  // namespace
}  // namespace smlp
