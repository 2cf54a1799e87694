// Folding is exact up to one rounding to float32: every folded number against its formula in double.
#include "engine/fold.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/compare.h"
#include "support/generator.h"

namespace smlp::test {
namespace {

constexpr double kRounding = 0x1p-24;  // half a unit in the last place of float32, relative

// `terms` is the sum of magnitudes that went into `exact`: two orders of summing in double may differ by as much as
// some 2^-50 of it.
testing::AssertionResult rounded_once(float got, double exact, double terms) {
  if (within(got, exact, kRounding * std::abs(exact) + 0x1p-46 * terms)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << got << " for " << exact;
}

double scale_of(const BatchNorm& n, std::size_t c) {
  return n.weight[c] / std::sqrt(static_cast<double>(n.variance[c]) + static_cast<double>(n.epsilon));
}

Config odd_config() {
  return {.in_channels = 2, .dim = 5, .alpha = 2, .patch = 3, .image = 36, .classes = 7, .depths = {1, 2, 1}};
}

class Fold : public testing::Test {
 protected:
  Weights weights_ = make_weights(odd_config(), 21);
  Network network_ = fold(weights_);
};

TEST_F(Fold, KeepsTheConfigurationAndTheShapes) {
  EXPECT_EQ(network_.config, weights_.config);
  ASSERT_EQ(network_.blocks.size(), 4U);
  ASSERT_EQ(network_.stems.size(), 3U);
  const FoldedBlock& block = network_.blocks[1];  // stage 1: 10 channels on a 6 x 6 grid
  const auto shape = [](const Dense& d) { return std::pair(d.outputs, d.inputs); };
  EXPECT_EQ(shape(network_.stems[0]), std::pair(5, 18));
  EXPECT_EQ(shape(network_.stems[1]), std::pair(10, 20));
  EXPECT_EQ(shape(block.depthwise), std::pair(10, 9));
  EXPECT_EQ(shape(block.mix_width), std::pair(6, 6));
  EXPECT_EQ(shape(block.mix_height), std::pair(6, 6));
  EXPECT_EQ(shape(block.fuse), std::pair(10, 30));
  EXPECT_EQ(shape(block.fc1), std::pair(20, 10));
  EXPECT_EQ(shape(block.fc2), std::pair(10, 20));
  EXPECT_EQ(shape(network_.head), std::pair(7, 20));
  EXPECT_TRUE(block.fuse.bias.empty());
  EXPECT_TRUE(network_.stems[0].bias.empty());
}

TEST_F(Fold, LeavesAloneWhatDoesNotFold) {
  for (std::size_t s = 0; s < weights_.stems.size(); ++s) EXPECT_EQ(network_.stems[s].weight, weights_.stems[s]);
  for (std::size_t b = 0; b < weights_.blocks.size(); ++b) {
    const BlockWeights& from = weights_.blocks[b];
    const FoldedBlock& to = network_.blocks[b];
    EXPECT_EQ(to.mix_width.weight, from.mix_width.weight);
    EXPECT_EQ(to.mix_width.bias, from.mix_width.bias);
    EXPECT_EQ(to.mix_height.weight, from.mix_height.weight);
    EXPECT_EQ(to.mix_height.bias, from.mix_height.bias);
    EXPECT_EQ(to.fuse.weight, from.fuse);
    EXPECT_EQ(to.fc2.weight, from.fc2.weight);
    EXPECT_EQ(to.fc2.bias, from.fc2.bias);
    EXPECT_EQ(to.norm_epsilon, from.norm.epsilon);
  }
}

TEST_F(Fold, FirstNormBecomesScaleAndShift) {
  for (std::size_t b = 0; b < weights_.blocks.size(); ++b) {
    const BatchNorm& n = weights_.blocks[b].bn1;
    const Affine& pre = network_.blocks[b].pre;
    ASSERT_EQ(pre.scale.size(), n.weight.size());
    for (std::size_t c = 0; c < n.weight.size(); ++c) {
      const double scale = scale_of(n, c), moved = scale * n.mean[c];
      EXPECT_TRUE(rounded_once(pre.scale[c], scale, std::abs(scale)));
      EXPECT_TRUE(rounded_once(pre.shift[c], n.bias[c] - moved, std::abs(n.bias[c]) + std::abs(moved)));
    }
  }
}

TEST_F(Fold, SecondNormGoesIntoTheDepthwise) {
  for (std::size_t b = 0; b < weights_.blocks.size(); ++b) {
    const BatchNorm& n = weights_.blocks[b].bn2;
    const Dense& depthwise = network_.blocks[b].depthwise;
    for (std::size_t c = 0; c < n.weight.size(); ++c) {
      const double scale = scale_of(n, c), moved = scale * n.mean[c];
      for (std::size_t tap = 0; tap < 9; ++tap) {
        const double exact = scale * weights_.blocks[b].depthwise[c * 9 + tap];
        EXPECT_TRUE(rounded_once(depthwise.weight[c * 9 + tap], exact, std::abs(exact)));
      }
      EXPECT_TRUE(rounded_once(depthwise.bias[c], n.bias[c] - moved, std::abs(n.bias[c]) + std::abs(moved)));
    }
  }
}

TEST_F(Fold, LayerNormGoesIntoTheFirstLinear) {
  for (std::size_t b = 0; b < weights_.blocks.size(); ++b) {
    const BlockWeights& from = weights_.blocks[b];
    const Dense& fc1 = network_.blocks[b].fc1;
    const std::size_t channels = from.norm.weight.size();
    for (std::size_t o = 0; o < from.fc1.bias.size(); ++o) {
      double bias = from.fc1.bias[o], terms = std::abs(bias);
      for (std::size_t c = 0; c < channels; ++c) {
        const double weight = from.fc1.weight[o * channels + c], exact = weight * from.norm.weight[c];
        EXPECT_TRUE(rounded_once(fc1.weight[o * channels + c], exact, std::abs(exact)));
        bias += weight * from.norm.bias[c];
        terms += std::abs(weight * from.norm.bias[c]);
      }
      EXPECT_TRUE(rounded_once(fc1.bias[o], bias, terms));
    }
  }
}

TEST_F(Fold, LastNormGoesIntoTheHead) {
  const BatchNorm& n = weights_.head_norm;
  const std::size_t features = n.weight.size();
  for (std::size_t o = 0; o < weights_.head.bias.size(); ++o) {
    double bias = weights_.head.bias[o], terms = std::abs(bias);
    for (std::size_t c = 0; c < features; ++c) {
      const double weight = weights_.head.weight[o * features + c], scale = scale_of(n, c);
      const double shift = n.bias[c] - scale * n.mean[c];
      EXPECT_TRUE(rounded_once(network_.head.weight[o * features + c], weight * scale, std::abs(weight * scale)));
      bias += weight * shift;
      terms += std::abs(weight) * (std::abs(n.bias[c]) + std::abs(scale * n.mean[c]));
    }
    EXPECT_TRUE(rounded_once(network_.head.bias[o], bias, terms));
  }
}

TEST_F(Fold, HonoursEachEpsilon) {
  for (BatchNorm* norm : {&weights_.blocks[0].bn1, &weights_.blocks[0].bn2, &weights_.head_norm}) norm->epsilon = 0.5F;
  weights_.blocks[0].norm.epsilon = 0.25F;
  const Network changed = fold(weights_);
  EXPECT_TRUE(rounded_once(changed.blocks[0].pre.scale[0], scale_of(weights_.blocks[0].bn1, 0), 1));
  EXPECT_NE(changed.blocks[0].pre.scale, network_.blocks[0].pre.scale);
  EXPECT_NE(changed.blocks[0].depthwise.weight, network_.blocks[0].depthwise.weight);
  EXPECT_NE(changed.head.weight, network_.head.weight);
  EXPECT_EQ(changed.blocks[0].norm_epsilon, 0.25F);
  EXPECT_EQ(changed.blocks[1].pre.scale, network_.blocks[1].pre.scale);
}

// A file whose exporter folded BN2 already gives bn2 = {1, bias, 0, 1, epsilon 0}: nothing may change.
TEST_F(Fold, AnIdentityNormChangesNoBit) {
  BlockWeights& block = weights_.blocks[0];
  const std::size_t channels = block.bn2.weight.size();
  block.bn2 = {.weight = std::vector(channels, 1.0F),
               .bias = block.bn2.bias,
               .mean = std::vector(channels, 0.0F),
               .variance = std::vector(channels, 1.0F),
               .epsilon = 0.0F};
  const Network identity = fold(weights_);
  std::vector<float> room;
  EXPECT_TRUE(same_bits(identity.blocks[0].depthwise.weight.floats(room), block.depthwise));
  EXPECT_TRUE(same_bits(identity.blocks[0].depthwise.bias, block.bn2.bias));
}

}  // namespace
}  // namespace smlp::test
