// Ranges of bytes against what sorting and trying give.
#include "engine/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace smlp {
namespace {

// Two thirds from -1 to 4, the rest far out on the right.
std::vector<float> some_numbers(int count) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> near(-1, 4), far(4, 20);
  std::vector<float> values;
  for (int i = 0; i < count; ++i) values.push_back(i % 300 == 0 ? far(random) : near(random));
  return values;
}

Histogram counted(const std::vector<float>& values) {
  Histogram histogram;
  histogram.add(values);
  return histogram;
}

// As the bytes are made: rounded to the nearest, cut off at both ends.
double true_error(const std::vector<float>& values, const InputScale& scale) {
  double sum = 0;
  for (const float value : values) {
    const double byte = std::clamp(std::nearbyint(double{value} / scale.scale) + scale.zero, 0.0, 255.0);
    sum += std::pow((byte - scale.zero) * scale.scale - value, 2);
  }
  return sum / static_cast<double>(values.size());
}

TEST(Histogram, LeastAndLargestAreThoseSeenAndZero) {
  const Histogram both = counted({-1.5F, 0.25F, 3});
  EXPECT_EQ(both.count(), 3U);
  EXPECT_EQ(both.least(), -1.5F);
  EXPECT_EQ(both.largest(), 3);
  EXPECT_EQ(both.choose(RangeMethod::minmax), scale_between(-1.5F, 3));
  EXPECT_EQ(counted({2, 5}).least(), 0) << "zero is a byte";
  EXPECT_EQ(counted({-2, -5}).largest(), 0);
  Histogram sum = counted({-1.5F, 0.25F});
  sum.add(counted({3}));
  EXPECT_EQ(sum.count(), 3U);
  EXPECT_EQ(sum.least(), -1.5F);
  EXPECT_EQ(sum.largest(), 3);
}

TEST(Histogram, ScaleBetweenHasZeroAndBothEnds) {
  EXPECT_EQ(scale_between(0, 255), (InputScale{1, 0}));
  EXPECT_EQ(scale_between(-255, 0), (InputScale{1, 255}));
  EXPECT_EQ(scale_between(-51, 204), (InputScale{1, 51}));
  EXPECT_EQ(scale_between(0, 0), (InputScale{1, 0}));
}

TEST(Histogram, WhatIsNotFiniteIsNoticed) {
  EXPECT_TRUE(counted({1, 2}).all_finite());
  EXPECT_FALSE(counted({1, std::numeric_limits<float>::infinity()}).all_finite());
  EXPECT_FALSE(counted({std::numeric_limits<float>::quiet_NaN(), 1}).all_finite());
  Histogram sum = counted({1});
  sum.add(counted({-std::numeric_limits<float>::infinity()}));
  EXPECT_FALSE(sum.all_finite());
}

// Whatever the order: a NaN is neither the least nor the largest.
TEST(Histogram, ANanHidesNoExtreme) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& values : {std::vector{nan, -1.0F, 2.0F}, {-1.0F, 2.0F, nan}, {2.0F, -nan, -1.0F}}) {
    EXPECT_EQ(counted(values).least(), -1);
    EXPECT_EQ(counted(values).largest(), 2);
    EXPECT_EQ(counted(values).count(), 3U);
  }
}

TEST(Histogram, ThePercentileLeavesOutAHundredThousandthOnEitherSide) {
  std::vector<float> values = some_numbers(400'000);
  for (float& value : values) value -= 1;
  const InputScale scale = counted(values).choose(RangeMethod::percentile);
  std::ranges::sort(values);
  const float least = values[4], largest = values[values.size() - 5];
  // To the width of a bin, which is one part in 128.
  EXPECT_NEAR(-scale.zero * double{scale.scale}, least, 0.01 * -least + scale.scale);
  EXPECT_NEAR((255 - scale.zero) * double{scale.scale}, largest, 0.01 * largest + scale.scale);
  EXPECT_EQ(counted({-1, 2}).choose(RangeMethod::percentile), scale_between(-1, 2)) << "nothing to leave out";
}

// Magnitudes beyond 2^24 count as the largest bin, those below 2^-40 as zero.
TEST(Histogram, ExtremeMagnitudesAreCounted) {
  for (const RangeMethod method : {RangeMethod::minmax, RangeMethod::percentile, RangeMethod::mse}) {
    EXPECT_EQ(counted({}).choose(method), (InputScale{1, 0}));
    EXPECT_EQ(counted({0, -0.0F}).choose(method), (InputScale{1, 0}));
    const InputScale large = counted({-1e30F, 3e30F}).choose(method);
    EXPECT_TRUE(std::isfinite(large.scale) && large.scale > 0);
  }
  EXPECT_EQ(counted({-1e30F, 3e30F}).choose(RangeMethod::minmax), scale_between(-1e30F, 3e30F));
  EXPECT_EQ(counted({1e-30F, -1e-30F}).error({1, 100}), 0);
}

// A range wider than what was seen only spends bytes: each end is within the rounding of the zero point, half a step.
TEST(Histogram, NoMethodGoesBeyondWhatWasSeen) {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    std::uniform_real_distribution<float> near(-1, 1);
    std::vector<float> values(3 + static_cast<std::size_t>(round) % 7);
    for (float& value : values) value = near(random);
    const Histogram histogram = counted(values);
    for (const RangeMethod method : {RangeMethod::mse, RangeMethod::minmax, RangeMethod::percentile}) {
      const InputScale chosen = histogram.choose(method);
      const double step = chosen.scale, low = -chosen.zero * step, high = (255 - chosen.zero) * step;
      EXPECT_GE(low, double{histogram.least()} - 0.501 * step) << round;
      EXPECT_LE(high, double{histogram.largest()} + 0.501 * step) << round;
    }
  }
}

TEST(Histogram, MseIsTheLeastErrorOfAllRanges) {
  const std::vector<float> values = some_numbers(30'000);
  const Histogram histogram = counted(values);
  const InputScale chosen = histogram.choose(RangeMethod::mse);
  double best = std::numeric_limits<double>::infinity();
  for (float least = -1; least < 0; least += 0.1F) {
    for (float largest = 2; largest < 20; largest += 0.25F) {
      best = std::min(best, true_error(values, scale_between(least, largest)));
    }
  }
  EXPECT_LE(true_error(values, chosen), 1.02 * best);
  EXPECT_LT(true_error(values, chosen), true_error(values, histogram.choose(RangeMethod::minmax)));
  EXPECT_NEAR(histogram.error(chosen), true_error(values, chosen), 0.05 * true_error(values, chosen));
}

}  // namespace
}  // namespace smlp
