// Files and pictures that end where memory ends: one byte too far is a crash at the very instruction.
#include "support/guarded.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "image/decode.h"
#include "image/expected.h"
#include "image/preprocess.h"

namespace smlp {
namespace {

using test::Guard;
using test::Guarded;

std::vector<std::string> fixtures() {
  std::vector<std::string> names;
  for (const auto& words : expected_cases("decode")) names.push_back(words[0]);
  return names;
}

// The first `length` bytes with an inaccessible page behind them, or before them.
Result<Picture> decode_guarded(std::span<const std::byte> file, std::size_t length, Guard guard) {
  Guarded<std::byte> copy(length, guard);
  std::copy_n(file.begin(), length, copy.begin());
  return decode({copy.data(), length});
}

TEST(GuardedFile, IsReadToItsLastByteAndNoFurther) {
  for (const std::string& name : fixtures()) {
    SCOPED_TRACE(name);
    const auto file = read_fixture(name);
    for (const Guard guard : {Guard::after, Guard::before}) {
      const auto whole = decode_guarded(file, file.size(), guard);
      ASSERT_TRUE(whole) << whole.error().message();
      EXPECT_EQ(*whole, *decode(file));
    }
  }
}

TEST(GuardedFile, CutOffAnywhereNothingBehindTheEndIsRead) {
  for (const std::string& name : fixtures()) {
    SCOPED_TRACE(name);
    const auto file = read_fixture(name);
    const std::size_t step = std::max<std::size_t>(1, file.size() / 97);
    for (std::size_t length = 0; length < file.size(); length += step) {
      const auto picture = decode_guarded(file, length, Guard::after);
      if (picture) {
        EXPECT_EQ(picture->rgb.size(), 3U * static_cast<std::size_t>(picture->width * picture->height));
      }
    }
  }
}

TEST(GuardedOutput, NormaliseWritesItsFloatsAndNoMore) {
  for (const int crop : {1, 2, 3, 17, 32}) {
    Picture picture{crop, crop, std::vector<std::uint8_t>(static_cast<std::size_t>(3 * crop * crop), 128)};
    for (const Guard guard : {Guard::after, Guard::before}) {
      Guarded<float> chw(picture.rgb.size(), guard);
      normalise(picture, {.resize = crop, .crop = crop}, chw.data());
      EXPECT_TRUE(std::ranges::all_of(chw, [](float v) { return std::isfinite(v); }));
    }
  }
}

// The limit of scans against a picture whose scans are known, at the limit and beside it.
TEST(DecodeLimits, CountPixelsInAllScansAndTheirMemory) {
  const auto file = read_fixture("420-progressive.jpg");  // 53 x 35, 10 scans
  constexpr std::uint64_t kPixelScans = 53 * 35 * 10;
  EXPECT_TRUE(decode(file, {.max_pixel_scans = kPixelScans}));
  EXPECT_FALSE(decode(file, {.max_pixel_scans = kPixelScans - 1}));
  EXPECT_TRUE(decode(file, {.max_scans = 10}));
  EXPECT_FALSE(decode(file, {.max_scans = 9}));
  // 7 x 5 blocks of luma, 4 x 3 of each chroma, of 64 coefficients of two bytes; and the picture.
  constexpr std::uint64_t kBytes = (7 * 5 + 2 * 4 * 3) * 128 + 3 * 53 * 35;
  EXPECT_TRUE(decode(file, {.max_memory = kBytes}));
  const auto refused = decode(file, {.max_memory = kBytes - 1});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message().contains("bytes to decode")) << refused.error().message();
  // One scan: no coefficients are kept.
  EXPECT_TRUE(decode(read_fixture("420.jpg"), {.max_memory = 3 * 53 * 35}));
}

}  // namespace
}  // namespace smlp
