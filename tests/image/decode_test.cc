#include "image/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "image/codec.h"
#include "image/expected.h"

namespace smlp {
namespace {

using namespace std::string_view_literals;
using testing::HasSubstr;

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST(CheckSize, BothSidesFromOneToTheLimits) {
  const DecodeLimits limits{.max_side = 100, .max_pixels = 5000};
  EXPECT_TRUE(image::check_size(1, 1, limits));
  EXPECT_TRUE(image::check_size(100, 50, limits));
  EXPECT_TRUE(image::check_size(50, 100, limits));
  for (const auto& [width, height] : {std::pair{0, 5}, {5, 0}, {101, 1}, {1, 101}, {100, 51}}) {
    EXPECT_FALSE(image::check_size(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height), limits))
        << width << " x " << height;
  }
}

std::string error_of(std::span<const std::byte> file, const DecodeLimits& limits = {}) {
  const auto picture = decode(file, limits);
  return picture ? "no error" : picture.error().message();
}

// The JPEG with a byte of its frame header changed: -3 is the marker's kind, 0 the precision, 1 and 3 the high bytes of
// height and width.
std::vector<std::byte> with_frame_byte(std::vector<std::byte> file, std::ptrdiff_t offset, std::uint8_t value) {
  constexpr std::byte kMarker[] = {std::byte{0xFF}, std::byte{0xC0}};
  *(std::ranges::search(file, kMarker).begin() + 4 + offset) = std::byte{value};
  return file;
}

TEST(Decode, EveryKindOfFileAsPillow) {
  const auto cases = expected_cases("decode");
  ASSERT_GE(cases.size(), 50U);
  for (const auto& words : cases) {
    SCOPED_TRACE(words[0]);
    const auto picture = decode(read_fixture(words[0]));
    ASSERT_TRUE(picture) << picture.error().message();
    EXPECT_EQ(picture->width, std::stoi(words[1]));
    EXPECT_EQ(picture->height, std::stoi(words[2]));
    EXPECT_EQ(sha256_of(picture->rgb), words[3]);
  }
}

TEST(Decode, FilesCutOffAsPillow) {
  const auto cases = expected_cases("cut");
  ASSERT_GE(cases.size(), 150U);
  for (const auto& words : cases) {
    SCOPED_TRACE(words[0] + " cut to " + words[1]);
    const auto file = read_fixture(words[0]);
    const auto picture = decode(std::span(file).first(std::stoul(words[1])));
    if (words[2] == "refused") {
      ASSERT_FALSE(picture);
      EXPECT_THAT(picture.error().message(), HasSubstr("end too soon"));
    } else {
      ASSERT_TRUE(picture) << picture.error().message();
      EXPECT_EQ(sha256_of(picture->rgb), words[2]);
    }
  }
}

TEST(Decode, EveryPrefixEndsInAResult) {
  for (const char* name :
       {"420-progressive.jpg", "restart.jpg", "cmyk.jpg", "palette4-interlaced.png", "rgb16-plain.png"}) {
    const auto file = read_fixture(name);
    for (std::size_t length = 0; length < file.size() / 2; ++length) {
      EXPECT_FALSE(decode(std::span(file).first(length))) << name << " " << length;
    }
  }
}

// First bytes as the formats' own specifications give them.
TEST(Decode, SaysWhatAForeignFileIs) {
  const std::pair<std::string_view, const char*> cases[] = {
      {""sv, "an empty file"},
      {"GIF89a\1\0\1\0"sv, "a GIF picture"},
      {"GIF87a\1\0\1\0"sv, "a GIF picture"},
      {"RIFF\x10\0\0\0WEBPVP8 "sv, "a WebP picture"},
      {"\0\0\0\x18\x66typheic"sv, "a HEIC picture"},
      {"\0\0\0\x18\x66typhevc"sv, "a HEIC picture"},
      {"\0\0\0\x18\x66typavif"sv, "an AVIF picture"},
      {"\0\0\0\x18\x66typavis"sv, "an AVIF picture"},
      {"\0\0\0\x18\x66typmif1"sv, "a HEIF picture"},
      {"\0\0\0\x18\x66typisom"sv, "an MP4 or QuickTime file"},
      {"BM\x36\0\0\0"sv, "a BMP picture"},
      {"II*\0\x08\0\0\0"sv, "a TIFF picture"},
      {"MM\0*\0\0\0\x08"sv, "a TIFF picture"},
      {"\0\0\0\x0CjP  \r\n\x87\n"sv, "a JPEG 2000 picture"},
      {"\xFF\x4F\xFF\x51\0"sv, "a JPEG 2000 picture"},
      {"\0\0\0\x0CJXL \r\n\x87\n"sv, "a JPEG XL picture"},
      {"\xFF\x0A\x12\x34"sv, "a JPEG XL picture"},
      {"8BPS\0\1\0\0"sv, "a Photoshop file"},
      {"%PDF-1.7\n"sv, "a PDF document"},
      {"PK\x03\x04\x14\0"sv, "a ZIP archive"},
      {"\x1F\x8B\x08\0"sv, "a gzip archive"},
      {"\x93NUMPY\1\0"sv, "a NumPy array"},
  };
  for (const auto& [content, name] : cases) {
    EXPECT_THAT(error_of(bytes_of(content)), HasSubstr(std::string("is not a JPEG or PNG picture: this is ") + name));
  }
}

TEST(Decode, TellsTextFromZerosAndOtherData) {
  const std::pair<std::string, const char*> cases[] = {
      {"<!doctype html><title>Not found</title>", "text"},
      {"RIF", "text"},
      {"two\tcolumns\r\n", "text"},
      {" ~", "text"},
      {"gr\xC3\xBC\xC3\x9F", "text"},         // UTF-8
      {std::string(64, 'a') + "\1", "text"},  // only the first 64 bytes are looked at
      {std::string(63, 'a') + "\1", "data of an unknown kind"},
      {std::string(64, '\0') + "a", "a file of zeros"},
      {std::string(63, '\0') + "a", "data of an unknown kind"},
      {std::string(1, '\0'), "a file of zeros"},
      {"\x1F", "data of an unknown kind"},
      {"del\x7F", "data of an unknown kind"},
      {"\x01\x02\x03\x04\xFE\xDC", "data of an unknown kind"},
  };
  for (const auto& [content, name] : cases) {
    const std::string error = error_of(bytes_of(content));
    EXPECT_THAT(error, testing::StartsWith(std::string("is not a JPEG or PNG picture: this is ") + name))
        << testing::PrintToString(content);
  }
}

TEST(Decode, PartsOfASignatureAreCutOffPictures) {
  for (const std::string_view head : {"\xFF"sv, "\xFF\xD8"sv}) {
    EXPECT_THAT(error_of(bytes_of(head)), HasSubstr("the JPEG data end too soon"));
  }
  const std::string_view png = "\x89PNG\r\n\x1A\n";
  for (std::size_t length = 1; length <= png.size(); ++length) {
    EXPECT_THAT(error_of(bytes_of(png.substr(0, length))), HasSubstr("the PNG data end too soon")) << length;
  }
  EXPECT_THAT(error_of(bytes_of("\xFF\xD8\xFE"sv)), HasSubstr("is not a JPEG or PNG picture"));
  EXPECT_THAT(error_of(bytes_of("\x89PNG\n"sv)), HasSubstr("is not a JPEG or PNG picture"));
}

TEST(Decode, RefusesPicturesBeyondTheLimitsBeforeDecoding) {
  const auto jpeg = read_fixture("444.jpg");
  const auto png = read_fixture("rgb8-plain.png");
  EXPECT_THAT(error_of(jpeg, {.max_file_bytes = 100}), HasSubstr("more than the limit of 100"));
  EXPECT_EQ(error_of(jpeg, {.max_file_bytes = jpeg.size()}), "no error");
  EXPECT_THAT(error_of(jpeg, {.max_file_bytes = jpeg.size() - 1}), HasSubstr("more than the limit of 2999"));
  EXPECT_THAT(error_of(jpeg, {.max_side = 52}), HasSubstr("a picture of 53 x 35"));
  EXPECT_THAT(error_of(png, {.max_pixels = 37 * 23 - 1}), HasSubstr("a picture of 37 x 23"));
  EXPECT_EQ(error_of(png, {.max_pixels = 37 * 23}), "no error");
  auto huge = with_frame_byte(jpeg, 1, 0xEE);  // a header that claims 60,000 x 60,000 and more
  huge = with_frame_byte(huge, 3, 0xEE);
  EXPECT_THAT(error_of(huge), HasSubstr("more than the limit of 178956970 pixels"));
  EXPECT_THAT(error_of(read_fixture("420-progressive.jpg"), {.max_scans = 2}),
              HasSubstr("10 scans over 53 x 35 pixels, more than the limit of 2 scans"));
}

TEST(Decode, RefusesUnsupportedJpegsClearly) {
  const auto jpeg = read_fixture("444.jpg");
  EXPECT_THAT(error_of(with_frame_byte(jpeg, 0, 12)), HasSubstr("12 bits a sample; 8 are supported"));
  EXPECT_THAT(error_of(with_frame_byte(jpeg, -3, 0xC3)), HasSubstr("is a JPEG of an unsupported kind"));
}

TEST(Decode, RefusesDamagedPngs) {
  auto header = read_fixture("rgb8-plain.png");
  header[18] ^= std::byte{1};  // the width, under the header's checksum
  EXPECT_THAT(error_of(header), HasSubstr("the PNG data are damaged"));
  auto pixels = read_fixture("rgb8-plain.png");
  pixels[pixels.size() / 2] ^= std::byte{0x10};
  EXPECT_THAT(error_of(pixels), HasSubstr("the PNG data are damaged"));
}

TEST(Decode, IgnoresThePixelChunksChecksumAsPillow) {
  auto file = read_fixture("rgb8-plain.png");
  const auto good = decode(file);
  file[file.size() - 13] ^= std::byte{1};  // the last byte before the end chunk
  const auto picture = decode(file);
  ASSERT_TRUE(picture) << picture.error().message();
  EXPECT_EQ(*picture, *good);
}

TEST(Decode, ErrorsNameTheFile) {
  const auto missing = decode_file("no/such/picture.jpg");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message(), HasSubstr("no/such/picture.jpg"));
  const std::string text = image_test_folder() + "expected.txt";
  const auto not_picture = decode_file(text);
  ASSERT_FALSE(not_picture);
  EXPECT_THAT(not_picture.error().message(), HasSubstr(text + ": is not a JPEG or PNG picture: this is text"));
}

}  // namespace
}  // namespace smlp
