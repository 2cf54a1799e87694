// The first bytes of files, by the formats' own rules, and just not by them.
#include <gmock/gmock.h>

#include <optional>

#include "formats/fixtures.h"
#include "formats/read.h"

namespace smlp {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

std::optional<FileKind> kind(const std::string& bytes) {
  const auto found = detect_file_kind(bytes_of(bytes));
  return found ? std::optional(*found) : std::nullopt;
}

std::string remark(const std::string& bytes) {
  const auto found = detect_file_kind(bytes_of(bytes));
  return found ? "no error" : found.error().message();
}

TEST(Detect, ArchivesByTheirFirstBytes) {
  EXPECT_EQ(kind("PK\x03\x04"), FileKind::zip);
  EXPECT_EQ(kind("PK\x05\x06"), FileKind::zip);  // an empty one
  EXPECT_EQ(kind("PK\x01\x02"), std::nullopt);
  EXPECT_EQ(kind("PK\x03"), std::nullopt);
  EXPECT_EQ(kind("\x1F\x8B"), FileKind::gzip);
  EXPECT_EQ(kind("\x1F\x8B\x08 more"), FileKind::gzip);
  EXPECT_EQ(kind("\x1F\x8A"), std::nullopt);
}

TEST(Detect, SafetensorsByALengthThatFitsAndABrace) {
  const auto file = [](std::uint64_t length, const std::string& rest) {
    return std::string(reinterpret_cast<const char*>(&length), 8) + rest;
  };
  EXPECT_EQ(kind(file(2, "{}")), FileKind::safetensors);
  EXPECT_EQ(kind(file(2, "{}data")), FileKind::safetensors);
  EXPECT_EQ(kind(file(3, "{} ")), FileKind::safetensors);
  EXPECT_EQ(kind(file(1, "{}")), std::nullopt);
  EXPECT_EQ(kind(file(3, "{}")), std::nullopt);
  EXPECT_EQ(kind(file(2, "[]")), std::nullopt);
  EXPECT_EQ(kind(file(~std::uint64_t{0}, "{}")), std::nullopt);
  EXPECT_EQ(kind("{}"), std::nullopt);
}

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value > 0x7F; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
  return out + static_cast<char>(value);
}
std::string number(unsigned field, std::uint64_t value) { return varint(field << 3U) + varint(value); }
std::string message(unsigned field, const std::string& bytes) {
  return varint(field << 3U | 2U) + varint(bytes.size()) + bytes;
}

// ModelProto of onnx.proto: ir_version 1, producer_name 2, model_version 5, graph 7, opset_import 8, functions 25.
TEST(Detect, OnnxByTheFieldsOfItsModel) {
  const std::string graph = message(7, "abc");
  for (const std::string& model :
       {graph, number(1, 8) + graph, number(1, 1) + graph, number(1, 1000) + graph, graph + number(1, 8),
        message(2, "pytorch") + graph, number(5, std::uint64_t{1} << 63) + graph, graph + message(8, ""),
        graph + message(25, "f"), message(2, std::string(300, 'p')) + graph,
        number(1, 8) + message(7, std::string(5000, 'g'))}) {
    EXPECT_EQ(kind(model), FileKind::onnx) << testing::PrintToString(model);
  }
  for (const std::string& other :
       {number(1, 8), number(1, 8) + message(2, "p"), number(1, 0) + graph, number(1, 1001) + graph,
        graph + number(1, 0), graph + number(1, 1001), graph + message(26, "x"), graph + message(0, "x"),
        graph + number(0, 1), number(7, 3) + graph, message(1, "x") + graph, graph + message(5, "x"),
        number(2, 1) + graph, "\x80"s, "\x09"s + graph}) {
    EXPECT_NE(kind(other), FileKind::onnx) << testing::PrintToString(other);
  }
}

TEST(Detect, OnnxThatIsCutOffInsideOfItsGraph) {
  EXPECT_EQ(kind(number(1, 8) + message(7, "abc").substr(0, 3)), FileKind::onnx);
  EXPECT_EQ(kind(number(1, 8) + message(7, "abc") + message(8, "abc").substr(0, 3)), FileKind::onnx);
  EXPECT_EQ(kind(number(1, 8) + message(2, "abc").substr(0, 3)), std::nullopt);
}

TEST(Detect, SaysWhatAWebPageIs) {
  for (const std::string& page : {"<!doctype html>"s, "<!DOCTYPE HTML>"s, "<html lang=\"en\">"s, "<HTML>"s,
                                  "<?xml version=\"1.0\"?>"s, "\xEF\xBB\xBF<html>"s, " \t\r\n <html>"s}) {
    EXPECT_THAT(remark(page), HasSubstr("a web page, not a model")) << page;
  }
  for (const std::string& text : {"<htm"s, "<svg>"s, "html"s, "a <html>"s, " \n"s, "["s}) {
    EXPECT_THAT(remark(text), HasSubstr("a text file, not a model")) << text;
  }
}

TEST(Detect, SaysWhatOtherFilesAre) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "the file is empty"},
      {"version https://git-lfs.github.com/spec/v1\n", "a git-lfs pointer"},
      {"\x89PNG\r\n", "a picture, not a model"},
      {"\xFF\xD8\xFF\xE0", "a picture, not a model"},
      {"\x89HDF\r\n", "an HDF5 file"},
      {"\x93NUMPY\x01", "a NumPy array"},
      {"\x80\x04}", "a Python pickle that torch.save did not write"},
      {"lr = 0.1\r\n\tx", "a text file"},
      {"bell\x07", "neither a PyTorch checkpoint nor safetensors nor ONNX"},
      {"unit\x1F", "neither a PyTorch checkpoint nor"},
      {std::string(512, 'a') + "\x07", "a text file"},  // by its first 512 bytes
      {std::string(511, 'a') + "\x07", "neither a PyTorch checkpoint nor"},
      {std::string(257, '\0') + "ustar\0"s, "a tar archive"},
      {std::string(257, '\0') + "ustar", "neither a PyTorch checkpoint nor"},  // cut off in its mark
      {std::string(256, '\0') + "ustar\0\0"s, "neither a PyTorch checkpoint nor"},
  };
  for (const auto& [bytes, words] : cases) {
    EXPECT_THAT(remark(bytes), HasSubstr(words)) << testing::PrintToString(bytes.substr(0, 40));
  }
}

}  // namespace
}  // namespace smlp
