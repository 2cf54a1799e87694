// JPEG files put together from the fixtures' parts: how scans are counted, and numbers of components.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "image/decode.h"
#include "image/expected.h"
#include "support/guarded.h"

namespace smlp {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

std::string jpeg_fixture(const std::string& name) {
  const auto bytes = read_fixture(name);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<Picture> decode_text(const std::string& file, const DecodeLimits& limits) {
  return decode(std::as_bytes(std::span(file)), limits);
}

std::string problem(const std::string& file, const DecodeLimits& limits = {}) {
  const auto picture = decode_text(file, limits);
  return picture ? "no error" : picture.error().message();
}

// `size` bytes that look like the start of one scan after the other (ITU-T T.81, B.2.3).
std::string marks_of_scans(std::size_t size) {
  std::string out;
  while (out.size() < size) out += "\xFF\xDA"s;
  return out.substr(0, size);
}

// A comment: its marker, its length with the two bytes of the length themselves, its text.
std::string comment(const std::string& text) {
  const std::size_t length = text.size() + 2;
  return "\xFF\xFE"s + static_cast<char>(length >> 8) + static_cast<char>(length & 255) + text;
}

std::string segment(int marker, const std::string& content) {
  const std::size_t length = content.size() + 2;
  return "\xFF"s + static_cast<char>(marker) + static_cast<char>(length >> 8) + static_cast<char>(length & 255) +
         content;
}

// A progressive picture of 16 x 16 grey pixels: one scan, and `hidden` more behind bytes that libjpeg reads as a
// restart of that scan, and a reader of markers as a segment that goes beyond the file.
std::string with_hidden_scans(int hidden) {
  const auto scan = [](const std::string& band, const std::string& data) {
    return segment(0xDA, "\x01\x01\0"s + band) + data;
  };
  std::string file = "\xFF\xD8"s + segment(0xDB, "\0"s + std::string(64, '\1')) +
                     segment(0xC2, "\x08\0\x10\0\x10\x01\x01\x11\0"s) +
                     segment(0xC4, "\0\x01"s + std::string(15, '\0') + "\0"s) +
                     segment(0xC4, "\x10\x01"s + std::string(15, '\0') + "\xE0"s) + segment(0xDD, "\0\x01"s) +
                     scan("\0\0\0"s, "\xFF\x02\xFF\xD0"s) + segment(0xDD, "\0\0"s);
  for (int i = 0; i < hidden; ++i) file += scan("\x01\x3F\x10"s, "\x7F\xFF\0"s);  // no coefficient in any block
  return file + "\xFF\xD9"s;
}

// With `part` behind the first marker, which every JPEG starts with.
std::string with_header_part(std::string file, const std::string& part) { return file.insert(2, part); }

// What libjpeg finds is limited as what the file announces.
TEST(JpegScans, ThatNoMarkerAnnouncesAreLimitedToo) {
  const std::string file = with_hidden_scans(10);
  EXPECT_EQ(problem(file, {.max_pixel_scans = 11 * 256}), "no error");
  EXPECT_EQ(problem(file, {.max_scans = 11}), "no error");
  EXPECT_THAT(problem(file, {.max_pixel_scans = 11 * 256 - 1}), HasSubstr("more than 10 scans over 16 x 16 pixels"));
  EXPECT_THAT(problem(file, {.max_scans = 10}), HasSubstr("more than 10 scans over 16 x 16 pixels"));
  EXPECT_THAT(problem(file, {.max_pixel_scans = 256}), HasSubstr("more than 1 scans over 16 x 16 pixels"));
}

TEST(JpegScans, AreNotCountedInsideOfOtherSegments) {
  const std::string jpeg = jpeg_fixture("444.jpg");  // one scan
  const auto whole = decode_text(jpeg, {.max_scans = 1});
  ASSERT_TRUE(whole) << whole.error().message();
  for (const std::size_t size : {0, 1, 2, 3, 40, 254, 255, 256, 1000, 1001, 65'533}) {
    for (const std::string& fill : {""s, "\xFF"s, "\xFF\xFF\xFF"s}) {  // a marker may follow any number of 0xFF
      const std::string file = with_header_part(jpeg, fill + comment(marks_of_scans(size)));
      const auto picture = decode_text(file, {.max_scans = 1});
      ASSERT_TRUE(picture) << size << ": " << picture.error().message();
      EXPECT_EQ(*picture, *whole);
    }
  }
}

TEST(JpegScans, AreNotCountedBehindThePicturesEnd) {
  const std::string jpeg = jpeg_fixture("444.jpg");
  EXPECT_EQ(problem(jpeg + jpeg, {.max_scans = 1}), "no error");  // as cameras append previews
  EXPECT_EQ(problem(jpeg + marks_of_scans(100), {.max_scans = 1}), "no error");
}

// Markers without a length, and stuffed zeros: what follows them is looked at.
TEST(JpegScans, AreCountedBehindMarkersWithoutALength) {
  const std::string jpeg = jpeg_fixture("420-progressive.jpg");
  const std::size_t first = jpeg.find("\xFF\xDA"), second = jpeg.find("\xFF\xDA", first + 2);
  const std::string ten = "10 scans over 53 x 35 pixels, more than the limit of 9 scans";
  ASSERT_THAT(problem(jpeg, {.max_scans = 9}), HasSubstr(ten));
  for (const std::string& marker : {"\xFF\x00"s, "\xFF\x01"s, "\xFF\xD0"s, "\xFF\xD3"s, "\xFF\xD7"s, "\xFF\xD8"s,
                                    "\xFF\xFF\xFF"s, "\xFF\x00\xFF\x00"s}) {
    std::string file = jpeg;
    file.insert(second, marker);
    EXPECT_THAT(problem(file, {.max_scans = 9}), HasSubstr(ten)) << testing::PrintToString(marker);
  }
}

TEST(JpegScans, AreCountedUpToTheEndOfTheFile) {
  const std::string jpeg = jpeg_fixture("420-progressive.jpg");
  const std::size_t last = jpeg.rfind("\xFF\xDA");
  // A marker whose length is cut off is no scan; with it, it is one.
  EXPECT_THAT(problem(jpeg.substr(0, last + 3), {.max_scans = 1}), HasSubstr("is a JPEG of 9 scans"));
  EXPECT_THAT(problem(jpeg.substr(0, last + 4), {.max_scans = 1}), HasSubstr("is a JPEG of 10 scans"));
  for (std::size_t scan = jpeg.find("\xFF\xDA"); scan != jpeg.npos; scan = jpeg.find("\xFF\xDA", scan + 2)) {
    for (std::size_t length = scan; length < scan + 18; ++length) {
      test::Guarded<char> copy(length);
      std::copy_n(jpeg.begin(), length, copy.begin());
      const auto picture = decode(std::as_bytes(std::span<const char>(copy)), {.max_scans = 1});
      EXPECT_FALSE(picture && length < last) << length;
    }
  }
}

TEST(JpegComponents, OneThreeOrFourArePicturesAndTwoAreNone) {
  std::string jpeg = jpeg_fixture("444.jpg");
  const std::size_t frame = jpeg.find("\xFF\xC0");
  jpeg[frame + 3] = 8 + 3 * 2;  // the frame's length and number of components, one of which goes
  jpeg[frame + 9] = 2;
  jpeg.erase(frame + 10 + 3 * 2, 3);
  const std::size_t scan = jpeg.find("\xFF\xDA");
  jpeg[scan + 3] = 6 + 2 * 2;
  jpeg[scan + 4] = 2;
  jpeg.erase(scan + 5 + 2 * 2, 2);
  EXPECT_THAT(problem(jpeg), HasSubstr("unsupported kind (2 colour components; 1, 3 or 4 are supported)"));
}

}  // namespace
}  // namespace smlp
