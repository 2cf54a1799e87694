// Every kernel table against PyTorch's float64: logits, and every stem's and half-block's output.
//
// fp32: logits to 1e-4 of the largest, the promise made to users; and every activation, logits included, to the bound
// that tools/golden/rounding.py derives from the arithmetic (float32 sums; for "reference", sums in double).
// bf16: every activation to two bounds of rounding.py: from the exact network, and from the network rounded to bfloat16
// in all the right places.
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

std::unique_ptr<Engine> make_engine(std::shared_ptr<const Network> network, EngineOptions options) {
  options.threads = options.batch = 2;
  auto engine = Engine::create(std::move(network), options);
  if (!engine) throw std::runtime_error(engine.error().message());
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

// What an activation should be, and by how much one of its elements may be off.
struct Target {
  const char* name;
  const GoldenValues& values;
  double bound;
};

std::vector<Target> targets_of(const GoldenActivation& a, std::string_view isa, Precision precision) {
  if (precision == Precision::fp32) return {{"", a.exact, isa == "reference" ? a.reference_bound : a.bound}};
  return {{"", a.exact, a.bf16.value().bound}, {" as rounded", a.bf16->values, a.bf16->spread}};
}

void compare_activation(Excess& excess, const GoldenNetwork& network, const GoldenActivation& activation,
                        const Target& want, std::span<const float> got) {
  const std::string name = activation.name + want.name;
  double sum = 0, squares = 0, largest = 0;
  for (const float value : got) {
    sum += value;
    squares += static_cast<double>(value) * value;
    largest = std::max(largest, std::abs(static_cast<double>(value)));
  }
  // Where no element strays further than the bound, neither do these.
  const auto n = static_cast<double>(got.size());
  excess.take(name + " (mean)", sum / n, want.values.mean, want.bound);
  excess.take(name + " (rms)", std::sqrt(squares / n), want.values.rms, want.bound);
  excess.take(name + " (max)", largest, want.values.max, want.bound);
  const std::vector<double>& samples = want.values.samples;
  const auto positions = sample_positions(network.seed, activation.name, samples.size(), got.size());
  for (std::size_t i = 0; i < positions.size(); ++i) excess.take(name, got[positions[i]], samples[i], want.bound);
}

void compare_logits(Excess& excess, const GoldenNetwork& network, const Target& want, std::span<const float> got) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    excess.take(network.logits().name + want.name, got[i], want.values.samples[i], want.bound);
  }
}

// Runs the first picture and looks at everything an observer is shown, which must be what the golden file lists; then
// at its logits. `judged_as` is the precision whose bounds are to hold.
Excess observe(Engine& engine, const GoldenNetwork& network, Precision judged_as, std::vector<float>& logits) {
  Excess excess;
  std::size_t next = 0;
  logits.resize(static_cast<std::size_t>(network.config.classes));
  engine.run_observed(make_picture(network.config, network.seed, 0).data(), logits.data(),
                      [&](std::string_view name, std::span<const float> values) {
                        ASSERT_LT(next, network.activations.size());
                        const GoldenActivation& activation = network.activations[next++];
                        ASSERT_EQ(name, activation.name);
                        ASSERT_EQ(values.size(), activation.elements);
                        for (const Target& want : targets_of(activation, engine.isa(), judged_as)) {
                          compare_activation(excess, network, activation, want, values);
                        }
                      });
  EXPECT_EQ(next + 1, network.activations.size());
  for (const Target& want : targets_of(network.logits(), engine.isa(), judged_as)) {
    compare_logits(excess, network, want, logits);
  }
  return excess;
}

std::shared_ptr<const Network> folded(const GoldenNetwork& network) {
  return std::make_shared<const Network>(fold(make_weights(network.config, network.seed, network.signal)));
}

class GoldenOf : public testing::TestWithParam<std::size_t> {};

bool is_big(const GoldenNetwork& network) { return network.config.image > 200; }

// Tables that take seconds for a picture of a big network.
bool is_slow(const kernels::Candidate& table) {
  return table.isa == "reference" || table.isa == baseline_isa() || is_emulated(table);
}

// Of the big networks, the slow tables take one, and the slowest none.
bool is_asked(const GoldenNetwork& network, const kernels::Candidate& table) {
  const bool is_bf16 = table.precision == Precision::bf16;
  if (is_bf16 && !network.logits().bf16) return false;
  if (!is_big(network) || !is_slow(table)) return true;
  return network.name == "smlpnet_tiny" && !is_emulated(table) && !(is_bf16 && table.isa == "reference");
}

void agrees_with_pytorch(const GoldenNetwork& network, const kernels::Candidate& table) {
  const auto engine = make_engine(folded(network), {.table = table.table});
  std::vector<float> logits;
  Excess excess = observe(*engine, network, table.precision, logits);
  const std::vector<double>& want = network.logits().exact.samples;
  if (!(is_big(network) && is_slow(table))) {  // there, what was observed is the run
    const std::vector<float> pictures = make_pictures(network);
    logits.resize(want.size());
    engine->run(pictures.data(), network.pictures, logits.data());
    for (const Target& target : targets_of(network.logits(), table.isa, table.precision)) {
      compare_logits(excess, network, target, logits);
    }
  }
  EXPECT_LE(excess.value, 1.0) << excess.where;
  const double error = relative_error(logits, std::span(want).first(logits.size()));
  if (table.precision == Precision::fp32) {
    EXPECT_LE(error, kLogitsTolerance);
  }
  std::printf("%s, %s: logits off by %.1e of the largest; worst activation at %.2f of its bound (%s)\n",
              network.name.c_str(), table_name(table).c_str(), error, excess.value, excess.where.c_str());
}

TEST_P(GoldenOf, EveryTableAgreesWithPyTorch) {
  const GoldenNetwork& network = golden().networks[GetParam()];
  for (const kernels::Candidate& table : tables_present()) {
    SCOPED_TRACE(table_name(table));
    if (is_asked(network, table)) agrees_with_pytorch(network, table);
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, GoldenOf, testing::Range<std::size_t>(0, golden().networks.size()),
                         [](const auto& test) { return golden().networks[test.param].name; });

// A golden test is worth something only if wrong networks fail it, by far.
constexpr double kFar = 10.0;

class Mutation : public testing::TestWithParam<Precision> {
 protected:
  template <class Change>
  static double excess_after(std::string_view network, Change change) {
    const GoldenNetwork& golden_network = golden(network);
    Weights weights = make_weights(golden_network.config, golden_network.seed, golden_network.signal);
    for (BlockWeights& block : weights.blocks) change(block);
    const auto engine =
        make_engine(std::make_shared<const Network>(fold(weights)), {.isa = baseline_isa(), .precision = GetParam()});
    std::vector<float> logits;
    return observe(*engine, golden_network, GetParam(), logits).value;
  }

  static void transpose(std::vector<float>& matrix, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) std::swap(matrix[i * n + j], matrix[j * n + i]);
    }
  }
};

TEST_P(Mutation, NoneIsNoExcess) {
  EXPECT_LE(excess_after("dim5_grid3", [](BlockWeights&) {}), 1.0);
}

TEST_P(Mutation, SwappedMixingIsSeen) {
  EXPECT_GT(excess_after("dim5_grid3", [](BlockWeights& b) { std::swap(b.mix_width, b.mix_height); }), kFar);
}

TEST_P(Mutation, TransposedMixingIsSeen) {
  for (const auto mix : {&BlockWeights::mix_width, &BlockWeights::mix_height}) {
    const auto transpose_one = [mix](BlockWeights& b) { transpose((b.*mix).weight, (b.*mix).bias.size()); };
    EXPECT_GT(excess_after("dim5_grid3", transpose_one), kFar);
  }
}

TEST_P(Mutation, PermutedConcatIsSeen) {
  const auto swap_parts = [](BlockWeights& b) {
    const std::size_t c = b.bn1.weight.size();
    for (std::size_t row = 0; row < c; ++row) {
      const auto mix_w = b.fuse.begin() + static_cast<std::ptrdiff_t>(row * 3 * c + c);
      std::swap_ranges(mix_w, mix_w + static_cast<std::ptrdiff_t>(c), mix_w + static_cast<std::ptrdiff_t>(c));
    }
  };
  EXPECT_GT(excess_after("dim5_grid3", swap_parts), kFar);
}

TEST_P(Mutation, TransposedDepthwiseIsSeen) {
  const auto transpose_taps = [](BlockWeights& b) {
    for (std::size_t c = 0; c < b.bn1.weight.size(); ++c) {
      float* k = b.depthwise.data() + c * 9;
      std::swap(k[1], k[3]), std::swap(k[2], k[6]), std::swap(k[5], k[7]);
    }
  };
  EXPECT_GT(excess_after("dim5_grid3", transpose_taps), kFar);
}

TEST_P(Mutation, WrongEpsilonsAreSeen) {
  if (GetParam() == Precision::bf16) GTEST_SKIP() << "an epsilon's effect is smaller than bfloat16's roundings";
  EXPECT_GT(excess_after("dim16_quiet", [](BlockWeights& b) { b.norm.epsilon = 1e-6F; }), kFar);
  EXPECT_GT(excess_after("dim16_quiet", [](BlockWeights& b) { b.bn1.epsilon = 1e-6F; }), kFar);
  EXPECT_GT(excess_after("dim16_quiet", [](BlockWeights& b) { b.bn2.epsilon = 1e-6F; }), kFar);
}

INSTANTIATE_TEST_SUITE_P(Precision, Mutation, testing::Values(Precision::fp32, Precision::bf16),
                         [](const auto& test) { return test.param == Precision::fp32 ? "fp32" : "bf16"; });

// Roundings in the right places are told from none; make_golden.py proves the same of each place alone.
TEST(Rounding, MissingOrUncalledForIsSeen) {
  for (const char* name : {"no_ties_grid3", "no_ties_two_stages", "no_ties_dim33"}) {
    const GoldenNetwork& network = golden(name);
    std::vector<float> logits;
    const auto excess = [&](Precision runs, Precision judged_as) {
      return observe(*make_engine(folded(network), {.isa = baseline_isa(), .precision = runs}), network, judged_as,
                     logits)
          .value;
    };
    EXPECT_GT(excess(Precision::fp32, Precision::bf16), kFar) << name;
    EXPECT_GT(excess(Precision::bf16, Precision::fp32), kFar) << name;
  }
}

}  // namespace
}  // namespace smlp::test
