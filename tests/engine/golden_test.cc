// Every instruction set against PyTorch's float64: logits, and every stem's and half-block's output.
//
// Two yardsticks. Logits: 1e-4 of the largest, the promise made to users. Every activation, logits included: the bound
// that tools/golden/rounding.py derives from the arithmetic (float32 sums; or, for "reference", sums in double).
#include "support/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "engine/engine.h"
#include "engine/fold.h"
#include "support/compare.h"
#include "support/generator.h"
#include "support/isas.h"

namespace smlp::test {
namespace {

constexpr double kLogitsTolerance = 1e-4;

std::unique_ptr<Engine> make_engine(std::shared_ptr<const Network> network, const std::string& isa, int batch = 2) {
  auto engine = Engine::create(std::move(network), {.threads = 2, .batch = batch, .isa = isa});
  if (!engine) throw std::runtime_error(engine.error().message());
  EXPECT_EQ((*engine)->isa(), isa);  // a forced instruction set is the one that runs
  return std::move(*engine);
}

std::vector<float> make_pictures(const GoldenNetwork& network) {
  std::vector<float> pictures;
  for (int i = 0; i < network.pictures; ++i) {
    const std::vector<float> picture = make_picture(network.config, network.seed, i);
    pictures.insert(pictures.end(), picture.begin(), picture.end());
  }
  return pictures;
}

// The largest error of anything looked at, in units of its bound, and where it was.
struct Excess {
  double value = 0;
  std::string where = "nowhere";

  void take(const std::string& name, double got, double want, double bound) {
    const double excess = within(got, want, std::numeric_limits<double>::max())
                              ? std::abs(got - want) / bound
                              : std::numeric_limits<double>::infinity();
    if (excess > value) *this = {excess, name};
  }
};

double bound_of(const GoldenActivation& a, std::string_view isa) {
  return isa == "reference" ? a.reference_bound : a.bound;
}

void compare_activation(Excess& excess, const GoldenNetwork& network, const GoldenActivation& want,
                        std::span<const float> got, std::string_view isa) {
  const double bound = bound_of(want, isa);
  double sum = 0, squares = 0, largest = 0;
  for (const float value : got) {
    sum += value;
    squares += static_cast<double>(value) * value;
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  // Where no element strays further than the bound, neither do these.
  const auto n = static_cast<double>(got.size());
  excess.take(want.name + " (mean)", sum / n, want.mean, bound);
  excess.take(want.name + " (rms)", std::sqrt(squares / n), want.rms, bound);
  excess.take(want.name + " (max)", largest, want.max, bound);
  const auto positions = sample_positions(network.seed, want.name, want.samples.size(), got.size());
  for (std::size_t i = 0; i < positions.size(); ++i) excess.take(want.name, got[positions[i]], want.samples[i], bound);
}

// Runs the first picture and looks at everything an observer is shown, which must be what the golden file lists.
Excess observe(Engine& engine, const GoldenNetwork& network, std::vector<float>& logits) {
  Excess excess;
  std::size_t next = 0;
  logits.resize(static_cast<std::size_t>(network.config.classes));
  engine.run_observed(make_picture(network.config, network.seed, 0).data(), logits.data(),
                      [&](std::string_view name, std::span<const float> values) {
                        ASSERT_LT(next, network.activations.size());
                        const GoldenActivation& want = network.activations[next++];
                        ASSERT_EQ(name, want.name);
                        ASSERT_EQ(values.size(), want.elements);
                        compare_activation(excess, network, want, values, engine.isa());
                      });
  EXPECT_EQ(next + 1, network.activations.size());
  const GoldenActivation& want = network.logits();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    excess.take("logits", logits[i], want.samples[i], bound_of(want, engine.isa()));
  }
  return excess;
}

class GoldenOf : public testing::TestWithParam<std::size_t> {};

TEST_P(GoldenOf, EveryInstructionSetAgreesWithPyTorch) {
  const GoldenNetwork& golden_network = golden().networks[GetParam()];
  const auto network = std::make_shared<const Network>(
      fold(make_weights(golden_network.config, golden_network.seed, golden_network.signal)));
  const std::vector<float> pictures = make_pictures(golden_network);
  const std::vector<double>& want = golden_network.logits().samples;
  for (const kernels::Candidate& table : tables_present()) {
    const std::string& isa = table.isa;
    if (table.precision != Precision::fp32) continue;
    SCOPED_TRACE(isa);
    const auto engine = make_engine(network, isa);
    std::vector<float> logits;
    const Excess excess = observe(*engine, golden_network, logits);
    EXPECT_LE(excess.value, 1.0) << excess.where;

    // The scalar table takes seconds for one of the big networks: there, what was observed is the run.
    if (isa != "reference" || golden_network.pictures > 1) {
      logits.resize(want.size());
      engine->run(pictures.data(), golden_network.pictures, logits.data());
    }
    const double error = relative_error(logits, want);
    EXPECT_LE(error, kLogitsTolerance);
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_TRUE(within(logits[i], want[i], bound_of(golden_network.logits(), isa))) << "logit " << i;
    }
    std::printf("%s, %s: logits off by %.1e of the largest; worst activation at %.2f of its bound (%s)\n",
                golden_network.name.c_str(), isa.c_str(), error, excess.value, excess.where.c_str());
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, GoldenOf, testing::Range<std::size_t>(0, golden().networks.size()),
                         [](const auto& test) { return golden().networks[test.param].name; });

// A golden test is worth something only if wrong networks fail it, by far.
class Mutation : public testing::Test {
 protected:
  static constexpr double kFar = 10.0;

  template <class Change>
  static double excess_after(std::string_view network, Change change) {
    const GoldenNetwork& golden_network = golden(network);
    Weights weights = make_weights(golden_network.config, golden_network.seed, golden_network.signal);
    for (BlockWeights& block : weights.blocks) change(block);
    const auto engine = make_engine(std::make_shared<const Network>(fold(weights)), "portable");
    std::vector<float> logits;
    return observe(*engine, golden_network, logits).value;
  }

  static void transpose(std::vector<float>& matrix, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) std::swap(matrix[i * n + j], matrix[j * n + i]);
    }
  }
};

TEST_F(Mutation, NoneIsNoExcess) {
  EXPECT_LE(excess_after("dim5_grid3", [](BlockWeights&) {}), 1.0);
}

TEST_F(Mutation, SwappedMixingIsSeen) {
  EXPECT_GT(excess_after("dim5_grid3", [](BlockWeights& b) { std::swap(b.mix_width, b.mix_height); }), kFar);
}

TEST_F(Mutation, TransposedMixingIsSeen) {
  for (const auto mix : {&BlockWeights::mix_width, &BlockWeights::mix_height}) {
    const auto transpose_one = [mix](BlockWeights& b) { transpose((b.*mix).weight, (b.*mix).bias.size()); };
    EXPECT_GT(excess_after("dim5_grid3", transpose_one), kFar);
  }
}

TEST_F(Mutation, PermutedConcatIsSeen) {
  const auto swap_parts = [](BlockWeights& b) {
    const std::size_t c = b.bn1.weight.size();
    for (std::size_t row = 0; row < c; ++row) {
      const auto mix_w = b.fuse.begin() + static_cast<std::ptrdiff_t>(row * 3 * c + c);
      std::swap_ranges(mix_w, mix_w + static_cast<std::ptrdiff_t>(c), mix_w + static_cast<std::ptrdiff_t>(c));
    }
  };
  EXPECT_GT(excess_after("dim5_grid3", swap_parts), kFar);
}

TEST_F(Mutation, TransposedDepthwiseIsSeen) {
  const auto transpose_taps = [](BlockWeights& b) {
    for (std::size_t c = 0; c < b.bn1.weight.size(); ++c) {
      float* k = b.depthwise.data() + c * 9;
      std::swap(k[1], k[3]), std::swap(k[2], k[6]), std::swap(k[5], k[7]);
    }
  };
  EXPECT_GT(excess_after("dim5_grid3", transpose_taps), kFar);
}

TEST_F(Mutation, WrongEpsilonsAreSeen) {
  EXPECT_GT(excess_after("dim16_quiet", [](BlockWeights& b) { b.norm.epsilon = 1e-6F; }), kFar);
  EXPECT_GT(excess_after("dim16_quiet", [](BlockWeights& b) { b.bn1.epsilon = 1e-6F; }), kFar);
  EXPECT_GT(excess_after("dim16_quiet", [](BlockWeights& b) { b.bn2.epsilon = 1e-6F; }), kFar);
}

}  // namespace
}  // namespace smlp::test
