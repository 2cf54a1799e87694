#include "image/preprocess.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <bit>
#include <limits>

#include "image/expected.h"
#include "image/generated_picture.h"
#include "image/resize.h"

namespace smlp {
namespace {

using testing::HasSubstr;

// Calls `body` once for every instruction set of this machine that the resize is compiled for.
template <class Body>
void for_each_instruction_set(Body body) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    ASSERT_EQ(hwy::SupportedTargets() & target, target);
    body();
    hwy::SetSupportedTargetsForTest(0);
  }
}

TEST(ResizeAndCrop, GeneratedSizesAsPillowOnEveryInstructionSet) {
  const auto cases = expected_cases("crop");
  ASSERT_GE(cases.size(), 30U);
  for (const auto& words : cases) {
    const Picture picture = generated_picture(std::stoi(words[0]), std::stoi(words[1]));
    const Preprocess how{.resize = std::stoi(words[2]), .crop = std::stoi(words[3])};
    SCOPED_TRACE(testing::Message() << words[0] << " x " << words[1] << " to " << words[2] << ", " << words[3]);
    for_each_instruction_set([&] {
      const auto crop = resize_and_crop(picture, how);
      ASSERT_TRUE(crop) << crop.error().message();
      EXPECT_EQ(crop->width, how.crop);
      EXPECT_EQ(crop->height, how.crop);
      EXPECT_EQ(sha256_of(crop->rgb), words[4]);
    });
  }
}

TEST(ResizeAndCrop, AWindowIsThatPartOfTheWhole) {
  const Picture picture = generated_picture(71, 43);
  for (const auto& [width, height] : {std::pair{40, 90}, std::pair{71, 20}, std::pair{130, 43}}) {
    const auto whole = resize(picture, width, height);
    ASSERT_TRUE(whole);
    for (int x = 0; x < width; x += 7) {
      for (int y = 0; y < height; y += 5) {
        const Window window{.x = x, .y = y, .width = std::min(9, width - x), .height = std::min(4, height - y)};
        const auto part = resize(picture, width, height, window);
        ASSERT_TRUE(part);
        for (int row = 0; row < window.height; ++row) {
          const auto* const expected = whole->rgb.data() + std::ptrdiff_t{3} * ((y + row) * width + x);
          const auto* const got = part->rgb.data() + std::ptrdiff_t{3} * row * window.width;
          ASSERT_TRUE(std::equal(got, got + std::ptrdiff_t{3} * window.width, expected)) << x << " " << y << " " << row;
        }
      }
    }
  }
}

// The nearest of 1 2 3 ... 10, by hand: the inputs at (i + 1/2) * 10 / outputs, rounded down.
TEST(Resize, NearestByHand) {
  Picture row{10, 1, {}};
  for (std::uint8_t i = 1; i <= 10; ++i) row.rgb.insert(row.rgb.end(), 3, i);
  const auto nearest = [&](int outputs, int first, int count) {
    const auto out = resize(row, outputs, 1, {.x = first, .y = 0, .width = count, .height = 1}, Interpolation::nearest);
    std::vector<int> values;
    for (std::size_t i = 0; out && i < out->rgb.size(); i += 3) values.push_back(out->rgb[i]);
    return values;
  };
  EXPECT_EQ(nearest(5, 0, 5), (std::vector{2, 4, 6, 8, 10}));
  EXPECT_EQ(nearest(4, 0, 4), (std::vector{2, 4, 7, 9}));
  EXPECT_EQ(nearest(4, 1, 2), (std::vector{4, 7}));
  EXPECT_EQ(nearest(20, 17, 3), (std::vector{9, 10, 10}));
}

// 0.5 / n + 1 / n + ... + 1 / n, as Pillow adds it up in doubles, is 1 or more for the last of n = 200,000,003 outputs:
// past the one input, where a pixel stays black.
TEST(Resize, NearestIsBlackWhereRoundingsLeadPastThePicture) {
  constexpr int kOutputs = 200'000'003;
  const Picture picture{1, 2, {11, 12, 13, 21, 22, 23}};
  const auto last =
      resize(picture, kOutputs, 2, {.x = kOutputs - 1, .y = 0, .width = 1, .height = 2}, Interpolation::nearest);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->rgb, std::vector<std::uint8_t>(6, 0));
}

TEST(Resize, AWindowLiesInsideOfThePicture) {
  constexpr int kMost = std::numeric_limits<int>::max();
  const Picture picture = generated_picture(8, 8);
  const auto is_inside = [&](int from, int size) {
    const bool x = resize(picture, 4, 5, {.x = from, .y = 0, .width = size, .height = 5}).has_value();
    const bool y = resize(picture, 5, 4, {.x = 0, .y = from, .width = 5, .height = size}).has_value();
    EXPECT_EQ(x, y) << from << ", " << size;
    return x && y;
  };
  for (const auto& [from, size] : {std::pair{0, 4}, {0, 1}, {3, 1}, {1, 3}}) EXPECT_TRUE(is_inside(from, size));
  for (const auto& [from, size] : {std::pair{0, 0}, {0, -1}, {0, 5}, {1, 4}, {4, 1}, {-1, 2}, {kMost, 1}, {1, kMost}}) {
    EXPECT_FALSE(is_inside(from, size)) << from << ", " << size;
  }
}

TEST(ResizeAndCrop, SizesAreFromOneTo8192) {
  const Picture picture = generated_picture(2, 2);
  EXPECT_TRUE(resize_and_crop(picture, {.resize = 8192, .crop = 1}));
  EXPECT_TRUE(resize_and_crop(picture, {.resize = 1, .crop = 1}));
  for (const auto& [resize, crop] : {std::pair{8193, 1}, {1, 8193}, {0, 1}, {1, 0}, {-1, 1}, {1, -1}}) {
    EXPECT_FALSE(resize_and_crop(picture, {.resize = resize, .crop = crop})) << resize << ", " << crop;
  }
}

TEST(ResizeAndCrop, MemoryIsBoundedForExtremeShapes) {
  // Resized as a whole these would have 256 x 16,640,000 pixels.
  for (const auto& [width, height] : {std::pair{1, 65000}, std::pair{65000, 1}}) {
    const auto crop = resize_and_crop(generated_picture(width, height), Preprocess{});
    ASSERT_TRUE(crop) << crop.error().message();
    EXPECT_EQ(crop->rgb.size(), 224U * 224U * 3U);
  }
}

TEST(ResizeAndCrop, RefusesWhatCannotBeResized) {
  const Picture picture = generated_picture(8, 8);
  EXPECT_THAT(resize_and_crop(picture, {.resize = 0, .crop = 4}).error().message(), HasSubstr("to a size of 0"));
  EXPECT_THAT(resize_and_crop(picture, {.resize = 8, .crop = 100'000}).error().message(), HasSubstr("size of 100000"));
  EXPECT_FALSE(resize_and_crop(Picture{}, Preprocess{}));
  EXPECT_FALSE(resize(Picture{.width = 8, .height = 8, .rgb = {1, 2, 3}}, 4, 4));
  EXPECT_FALSE(resize(Picture{.width = 0, .height = 8, .rgb = {}}, 4, 4));
  EXPECT_FALSE(resize(Picture{.width = 8, .height = 0, .rgb = {}}, 4, 4));
  EXPECT_FALSE(resize(picture, 4, 4, {.x = 1, .y = 0, .width = 4, .height = 4}));
  EXPECT_FALSE(resize(picture, 4, 4, {.x = 0, .y = -1, .width = 4, .height = 4}));
}

TEST(Normalise, EveryPixelValueHasTheBitsOfFloat32Arithmetic) {
  Picture picture{16, 16, {}};
  for (int i = 0; i < 256; ++i) picture.rgb.insert(picture.rgb.end(), 3, static_cast<std::uint8_t>(i));
  const Preprocess how;
  std::vector<float> chw(std::size_t{3} * 256);
  normalise(picture, how, chw.data());
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < 256; ++i) {
      volatile float x = static_cast<float>(i) / 255.0F;  // volatile: every operation rounds to float32
      x = x - how.mean[c];
      x = x / how.std[c];
      EXPECT_EQ(std::bit_cast<std::uint32_t>(chw[c * 256 + i]), std::bit_cast<std::uint32_t>(float{x}))
          << c << " " << i;
    }
  }
}

TEST(PreprocessFile, FloatsAsNumpy) {
  const auto cases = expected_cases("floats");
  ASSERT_GE(cases.size(), 50U);
  for (const auto& words : cases) {
    SCOPED_TRACE(words[0]);
    const Preprocess how{.resize = std::stoi(words[1]), .crop = std::stoi(words[2])};
    std::vector<float> chw(std::size_t{3} * how.crop * how.crop);
    const auto done = preprocess_file(image_test_folder() + "fixtures/" + words[0], how, chw);
    ASSERT_TRUE(done) << done.error().message();
    EXPECT_EQ(sha256_of(chw), words[3]);
  }
}

TEST(PreprocessFile, RefusesABufferOfAnotherSize) {
  std::vector<float> chw(100);
  const auto done = preprocess_file(image_test_folder() + "fixtures/444.jpg", Preprocess{}, chw);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("room for 100 floats, a crop of 224 needs 150528"));
}

}  // namespace
}  // namespace smlp
