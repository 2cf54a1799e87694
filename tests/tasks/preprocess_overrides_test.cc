// Preprocessing in timm's terms: what may be given, and what becomes of it.
#include "tasks/preprocess_overrides.h"

#include <gmock/gmock.h>

#include <cmath>

namespace smlp {
namespace {

using ::testing::HasSubstr;

using Three = std::array<float, 3>;

template <class Change>
PreprocessOverrides given(Change change) {
  PreprocessOverrides overrides;
  change(overrides);
  return overrides;
}
PreprocessOverrides size(int pixels) {
  return given([&](auto& o) { o.img_size = pixels; });
}
PreprocessOverrides share(double part) {
  return given([&](auto& o) { o.crop_pct = part; });
}
PreprocessOverrides mean(const Three& values) {
  return given([&](auto& o) { o.mean = values; });
}
PreprocessOverrides deviation(const Three& values) {
  return given([&](auto& o) { o.std = values; });
}
PreprocessOverrides share_of(int pixels, double part) {
  return given([&](auto& o) { o.img_size = pixels, o.crop_pct = part; });
}

std::string refusal(const PreprocessOverrides& overrides, int network_size = 0) {
  const auto how = with_overrides({}, overrides, network_size);
  return how ? "" : how.error().message();
}

TEST(PreprocessOverrides, NothingGivenChangesNothing) {
  const Preprocess own = {.resize = 50, .crop = 40, .mean = {0, 1, 2}, .interpolation = Interpolation::box};
  EXPECT_EQ(with_overrides(own, {}, 40), own);
  EXPECT_EQ(with_overrides(own, size(40), 40), own) << "the size it has keeps its own resizing";
}

TEST(PreprocessOverrides, EachChangesItsOwn) {
  const Preprocess own;
  Preprocess want = own;
  want.mean = {0.25F, 0.5F, 0.75F};
  EXPECT_EQ(with_overrides(own, mean(want.mean), 224), want);
  want.std = {1, 2, 3};
  EXPECT_EQ(with_overrides(own, given([&](auto& o) { o.mean = want.mean, o.std = want.std; }), 224), want);
  want = own;
  want.interpolation = Interpolation::nearest;
  EXPECT_EQ(with_overrides(own, given([](auto& o) { o.interpolation = Interpolation::nearest; }), 224), want);
  want = own;
  want.crop = 112;
  want.resize = 128;
  EXPECT_EQ(with_overrides(own, size(112), 0), want);
}

// timm's: the crop divided by the share, rounded down.
TEST(PreprocessOverrides, TheShareToCropGivesTheSizeBefore) {
  const auto resize = [](double part, int pixels) { return with_overrides({}, share_of(pixels, part), 0)->resize; };
  EXPECT_EQ(resize(1, 224), 224);
  EXPECT_EQ(resize(0.875, 224), 256);
  EXPECT_EQ(resize(0.9, 224), 248);
  EXPECT_EQ(resize(0.1, 224), 2240);
}

TEST(PreprocessOverrides, LimitsAreTaken) {
  EXPECT_EQ(refusal(share(0.1)), "");
  EXPECT_EQ(refusal(share(1)), "");
  EXPECT_EQ(refusal(mean({-1000, 0, 1000})), "");
  EXPECT_EQ(refusal(deviation({1e-6F, 1, 1000})), "");
  EXPECT_EQ(refusal(share_of(8192, 1)), "");
}

TEST(PreprocessOverrides, WhatIsBeyondTheLimitsIsRefused) {
  for (const double bad : {0.0999, 1.0001, 0.0, -1.0, double{NAN}}) {
    EXPECT_THAT(refusal(share(bad)), HasSubstr("a share from 0.1 to 1")) << bad;
  }
  for (const float bad : {-1000.1F, 1000.1F, NAN, INFINITY}) {
    for (int c = 0; c < 3; ++c) {
      Three values = {0.5F, 0.5F, 0.5F};
      values[static_cast<std::size_t>(c)] = bad;
      EXPECT_THAT(refusal(mean(values)), HasSubstr("from -1000 to 1000")) << bad;
      EXPECT_THAT(refusal(deviation(values)), HasSubstr("from 0.000001 to 1000")) << bad;
    }
  }
  EXPECT_THAT(refusal(deviation({1, 0, 1})), HasSubstr("a standard deviation of 1, 0, 1"));
  EXPECT_THAT(refusal(share_of(8193, 1)), HasSubstr("8193 pixels, and 8192 are the limit"));
}

TEST(PreprocessOverrides, ANetworkTakesItsOwnSizeAlone) {
  EXPECT_EQ(refusal(size(224), 224), "");
  EXPECT_EQ(refusal({}, 192), "");
  EXPECT_EQ(refusal(size(225), 0), "");
  EXPECT_THAT(refusal(size(225), 224), HasSubstr("this network takes 224 x 224 pixels"));
  EXPECT_THAT(refusal(size(1), 2), HasSubstr("this network takes 2 x 2 pixels"));
}

}  // namespace
}  // namespace smlp
