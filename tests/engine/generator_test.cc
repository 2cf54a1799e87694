// The golden file belongs to these sources, and C++ makes the very weights and pictures that PyTorch was given.
#include "support/generator.h"

#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <iterator>
#include <string>

#include "support/compare.h"
#include "support/golden.h"
#include "support/source_dir.h"

namespace smlp::test {
namespace {

struct BitSum {
  std::uint64_t total = 0;
  BitSum& add(const std::vector<float>& values) {
    for (const float value : values) total += std::bit_cast<std::uint32_t>(value);
    return *this;
  }
  BitSum& add(const BatchNorm& n) { return add(n.weight).add(n.bias).add(n.mean).add(n.variance); }
  BitSum& add(const LayerNorm& n) { return add(n.weight).add(n.bias); }
  BitSum& add(const Linear& l) { return add(l.weight).add(l.bias); }
  BitSum& add(const BlockWeights& b) {
    add(b.bn1).add(b.depthwise).add(b.bn2).add(b.mix_width).add(b.mix_height).add(b.fuse);
    return add(b.norm).add(b.fc1).add(b.fc2);
  }
};

std::uint64_t weight_bits(const Weights& weights) {
  BitSum sum;
  for (const auto& stem : weights.stems) sum.add(stem);
  for (const BlockWeights& block : weights.blocks) sum.add(block);
  return sum.add(weights.head_norm).add(weights.head).total;
}

TEST(Compare, NoNanPasses) {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(within(1.0, 1.5, 0.5));
  EXPECT_TRUE(within(inf, inf, 0.0));
  EXPECT_FALSE(within(1.0, 1.5, 0.4));
  EXPECT_FALSE(within(nan, 1.0, 1e300));
  EXPECT_FALSE(within(1.0, nan, 1e300));
  EXPECT_FALSE(within(nan, nan, inf));
  EXPECT_FALSE(within(1.0, 1.0 + 1e-9, nan));
  EXPECT_FALSE(within(inf, -inf, 1e300));
}

TEST(Compare, RelativeErrorIsOfTheLargest) {
  const double want[] = {1.0, -4.0};
  EXPECT_EQ(relative_error(std::vector<float>{1.0F, -4.0F}, want), 0.0);
  EXPECT_EQ(relative_error(std::vector<float>{2.0F, -4.0F}, want), 0.25);
  EXPECT_EQ(relative_error(std::vector<float>{1.0F, 4.0F}, want), 2.0);
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    EXPECT_FALSE(relative_error(std::vector<float>{1.0F, bad}, want) <= 1e30);
    EXPECT_FALSE(relative_error(std::vector<float>{bad, -4.0F}, want) <= 1e30);
  }
  EXPECT_FALSE(relative_error(std::vector<float>{1.0F}, want) <= 1e30);
  EXPECT_FALSE(relative_error({}, {}) <= 1e30);
}

TEST(Compare, BitsTellZerosApart) {
  EXPECT_TRUE(same_bits(std::vector<float>{0.0F}, std::vector<float>{0.0F}));
  EXPECT_FALSE(same_bits(std::vector<float>{0.0F}, std::vector<float>{-0.0F}));
}

TEST(Golden, ComesFromPyTorchAndFromTheseScripts) {
  EXPECT_FALSE(golden().torch.empty());
  EXPECT_EQ(golden().sources.size(), 5U);
  for (const auto& [path, hash] : golden().sources) {
    std::ifstream file(source_dir() / path, std::ios::binary);
    ASSERT_TRUE(file) << path;
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(fnv1a(text), hash) << path << " changed since the golden outputs were made: run make_golden.py";
  }
}

TEST(Golden, EveryActivationIsThere) {
  for (const GoldenNetwork& network : golden().networks) {
    SCOPED_TRACE(network.name);
    const Config& config = network.config;
    EXPECT_TRUE(config.validate());
    EXPECT_EQ(network.activations.size(), static_cast<std::size_t>(config.stages() + 2 * config.blocks() + 1));
    const auto logits = static_cast<std::size_t>(network.pictures * config.classes);
    EXPECT_EQ(network.logits().exact.samples.size(), logits);
    for (const GoldenActivation& a : network.activations) {
      EXPECT_GT(a.exact.rms, 0) << a.name;
      EXPECT_GT(a.reference_bound, 0) << a.name;
      EXPECT_GT(a.bound, a.reference_bound) << a.name;
      EXPECT_LT(a.bound, 1e-3 * a.exact.max) << a.name;
      if (!a.bf16) continue;
      EXPECT_EQ(a.bf16->values.samples.size(), a.exact.samples.size()) << a.name;
      EXPECT_GT(a.bf16->spread, 0) << a.name;
      EXPECT_GT(a.bf16->bound, a.bound) << a.name;
      EXPECT_LT(a.bf16->bound, 0.1 * a.exact.max) << a.name;
    }
    EXPECT_EQ(network.logits().bf16.has_value(), config.dim <= 80 || config.image < 200);
  }
}

class GeneratorOf : public testing::TestWithParam<std::size_t> {};

TEST_P(GeneratorOf, MakesTheBitsThatPyTorchWasGiven) {
  const GoldenNetwork& network = golden().networks[GetParam()];
  EXPECT_EQ(weight_bits(make_weights(network.config, network.seed, network.signal)), network.weight_bits);
  BitSum pictures;
  for (int i = 0; i < network.pictures; ++i) pictures.add(make_picture(network.config, network.seed, i));
  EXPECT_EQ(pictures.total, network.picture_bits);
}

INSTANTIATE_TEST_SUITE_P(Networks, GeneratorOf, testing::Range<std::size_t>(0, golden().networks.size()),
                         [](const auto& test) { return golden().networks[test.param].name; });

}  // namespace
}  // namespace smlp::test
