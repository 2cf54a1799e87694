// Which pictures are measured, and what is said of them. The scales themselves are compared with NumPy's in
// tests/cli/int8_test.py.
#include "tasks/calibrate.h"

#include <gmock/gmock.h>

#include "api/load.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class CalibrateTest : public ::testing::Test {
 protected:
  CalibrateTest() { test::write_model(scratch_.folder() / "m.safetensors", test::small_config()); }

  Input photograph(int index) {
    const fs::path file = scratch_.folder() / fmt::format("photograph{}.png", index);
    test::write_png(file, 50 + index, 60, static_cast<unsigned>(index));
    return {.file = file};
  }

  // Afterwards network_ is what calibrate() made of the model, done_ and all_ are what it said last of its progress.
  Calibration calibrate(std::vector<Input> pictures, std::size_t images = 256) {
    network_ = load_network(scratch_.folder() / "m.safetensors").value();
    const auto done = smlp::calibrate(
        network_, {.pictures = std::move(pictures), .images = images}, [](int, const BlockProduct&) { return true; },
        [this](std::int64_t so_far, std::int64_t all) { done_ = so_far, all_ = all; });
    EXPECT_TRUE(done) << done.error().message();
    return done.value_or(Calibration{});
  }

  test::Scratch scratch_;
  Network network_;
  std::int64_t done_ = 0, all_ = 0;
};

// The others are broken: whoever opened one would say so.
TEST_F(CalibrateTest, AsManyPicturesAsAskedForAreTakenEvenlySpread) {
  std::vector<Input> pictures;
  for (int i = 0; i < 8; ++i) {
    if (i % 2 == 0) pictures.push_back(photograph(i));
    if (i % 2 == 1) pictures.push_back({.file = scratch_.write(fmt::format("broken{}.png", i), "no picture")});
  }
  const Calibration done = calibrate(pictures, 4);
  EXPECT_EQ(done.pictures, 4U);
  EXPECT_THAT(done.warnings, Not(Contains(HasSubstr("could not be read"))));
  EXPECT_EQ(network_.calibration, "mse over 4 pictures");
  EXPECT_EQ(done_, 4);
  EXPECT_EQ(all_, 4);
}

TEST_F(CalibrateTest, EachPictureIsTakenOnceWhereThereAreFewerThanAskedFor) {
  const Calibration done = calibrate({photograph(0), photograph(1), photograph(2)}, 10);
  EXPECT_EQ(done.pictures, 3U);
  EXPECT_EQ(network_.calibration, "mse over 3 pictures");
  EXPECT_EQ(all_, 3);
}

TEST_F(CalibrateTest, PicturesOfASingleColourAreCountedAndTheFirstIsNamed) {
  std::vector<Input> pictures = {photograph(0), photograph(1)};
  for (const char* name : {"red.png", "blue.png"}) {
    pictures.push_back({.file = scratch_.folder() / name});
    test::write_png(pictures.back().file, 1, 1);  // one pixel: of one colour at every size
  }
  const std::string first = (scratch_.folder() / "red.png").string();
  EXPECT_THAT(calibrate(pictures).warnings,
              Contains(HasSubstr("2 of 4 calibration pictures are of a single colour, the first is " + first + ":")));
  pictures.resize(2);
  EXPECT_THAT(calibrate(pictures).warnings, Not(Contains(HasSubstr("single colour"))));
}

// A model that has no other preprocessing takes (pixel / 255 - mean) / std for its pixels from 0 to 255.
TEST_F(CalibrateTest, OnlyPixelsThatPreprocessingCannotGiveAreWarnedOf) {
  constexpr const char* kWarning = "have pixels that this model's preprocessing cannot give";
  const auto prepared = [&](const char* name, float pixel) {
    const Network model = load_network(scratch_.folder() / "m.safetensors").value();
    const std::size_t plane = model.config.picture_floats() / 3;
    std::vector<float> values;
    for (std::size_t c = 0; c < 3; ++c) {
      values.insert(values.end(), plane, (pixel / 255 - model.preprocess.mean[c]) / model.preprocess.std[c]);
    }
    const std::string_view bytes(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    return Input{.file = scratch_.write(name, bytes), .kind = InputKind::bin};
  };
  std::vector<Input> pictures = {photograph(0), prepared("black.bin", 0), prepared("white.bin", 255)};
  EXPECT_THAT(calibrate(pictures).warnings, Not(Contains(HasSubstr(kWarning))));
  pictures.push_back(prepared("whiter.bin", 300));
  pictures.push_back(prepared("blacker.bin", -45));
  EXPECT_THAT(calibrate(pictures).warnings,
              Contains(AllOf(HasSubstr(fmt::format("2 of 5 calibration pictures {}", kWarning)),
                             HasSubstr("the first is " + (scratch_.folder() / "whiter.bin").string()))));
}

}  // namespace
}  // namespace smlp
