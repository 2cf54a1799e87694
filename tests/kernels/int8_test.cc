// The products in int8 of every kernel table, to the bit, against integers added one by one.
//
// Activations are chosen so that there is no doubt which byte each becomes, scales are powers of two, and biases are
// multiples of them: then float32 has nothing to round but the integer sum itself (once, to nearest) and the addition
// to the residual stream, and every instruction set must give the same bits as the loops below.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "step_runner.h"
#include "support/compare.h"
#include "support/isas.h"

namespace smlp::test {
namespace {

using kernels::ByteRange;
using kernels::Shape;
using kernels::Unit;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int operator()(int least, int most) {
    return least + static_cast<int>(engine_() % static_cast<unsigned>(most - least + 1));
  }
  template <class T>
  std::vector<T> many(std::size_t count, int least, int most) {
    std::vector<T> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(static_cast<T>((*this)(least, most)));
    return out;
  }

 private:
  std::mt19937 engine_;
};

// A product in int8 as a network has it.
struct Product {
  std::vector<std::int8_t> weight;  // (outputs, segments, inputs)
  std::vector<float> scale, bias;   // of the outputs
  std::vector<ByteRange> ranges;    // of the segments

  // Adds bytes[s][k] weight[n][s][k], without the zero points' share, in 64 bits.
  std::int64_t sum(std::size_t n, const std::vector<std::vector<int>>& bytes) const {
    std::int64_t total = 0;
    std::size_t at = n * bytes.size() * bytes[0].size();
    for (std::size_t s = 0; s < bytes.size(); ++s) {
      for (const int byte : bytes[s]) total += std::int64_t{weight[at++]} * (byte - ranges[s].zero);
    }
    return total;
  }
  float output(std::size_t n, const std::vector<std::vector<int>>& bytes) const {
    return static_cast<float>(sum(n, bytes)) * scale[n] + bias[n];
  }
};

int byte_of(double x, const ByteRange& range) {
  return static_cast<int>(std::clamp(std::nearbyint(x * range.factor + range.zero), 0.0, 255.0));
}

// How far x is from where one byte ends and the next begins.
double doubt(double x, const ByteRange& range) {
  const double scaled = x * range.factor + range.zero;
  return std::abs(scaled - std::floor(scaled) - 0.5);
}

class Int8 : public testing::TestWithParam<std::size_t> {
 protected:
  const kernels::Kernels& table_ = *int8_tables_present()[GetParam()].table;

  // g is GELU(x), which for these x is x; it is mixed by matrices that take one pixel each.
  void check_fuse(const Shape& s, int weights_to = 127) {
    Random random(static_cast<unsigned>(s.size * 1000 + s.channels));
    const auto channels = static_cast<std::size_t>(s.channels), size = static_cast<std::size_t>(s.size);
    Product product = {.weight = random.many<std::int8_t>(3 * channels * channels, -weights_to, weights_to),
                       .scale = {},
                       .bias = random.many<float>(channels, -50, 50),
                       .ranges = {{1.0F, 3}, {0.5F, 100}, {2.0F, 0}}};
    for (std::size_t n = 0; n < channels; ++n) product.scale.push_back(std::ldexp(1.0F, -static_cast<int>(n % 5)));
    PlainBlock plain = {.size = s.size,
                        .channels = s.channels,
                        .hidden = 1,
                        .pre_scale = std::vector<float>(channels, 1.0F),
                        .pre_shift = std::vector<float>(channels, 0.0F),
                        .depthwise = std::vector<float>(9 * channels, 0.0F),
                        .depthwise_bias = std::vector<float>(channels, 0.0F),
                        .width = std::vector<float>(size * size, 0.0F),
                        .width_bias = random.many<float>(size, -40, 40),
                        .height = std::vector<float>(size * size, 0.0F),
                        .height_bias = random.many<float>(size, -40, 40),
                        .fuse = std::vector<float>(3 * channels * channels, 0.0F),
                        .fc1 = std::vector<float>(channels, 0.0F),
                        .fc1_bias = {0.0F},
                        .fc2 = std::vector<float>(channels, 0.0F),
                        .fc2_bias = std::vector<float>(channels, 0.0F)};
    for (std::size_t c = 0; c < channels; ++c) plain.depthwise[9 * c + 4] = 1.0F;
    const auto taken_by_width = random.many<std::size_t>(size, 0, s.size - 1),
               taken_by_height = random.many<std::size_t>(size, 0, s.size - 1);
    for (std::size_t i = 0; i < size; ++i) {
      plain.width[i * size + taken_by_width[i]] = 1.0F;
      plain.height[i * size + taken_by_height[i]] = 1.0F;
    }
    const std::vector<float> picture = random.many<float>(size * size * channels, 8, 255);
    StepRunner run(table_);
    StepBuffer& x = run.stream(s, {picture});
    kernels::Block block = run.block(plain);
    block.fuse = run.int8_matrix(product.weight, product.scale, product.bias, product.ranges);
    run.token_mix(block, s, x, 1, {{0, 1, 0, s.size}});

    const auto at = [&](std::size_t row, std::size_t column, std::size_t c) {
      return picture[(row * size + column) * channels + c];
    };
    std::vector<float> want;
    for (std::size_t row = 0; row < size; ++row) {
      for (std::size_t column = 0; column < size; ++column) {
        std::vector<std::vector<int>> bytes(3);
        for (std::size_t c = 0; c < channels; ++c) {
          bytes[0].push_back(byte_of(at(row, column, c), product.ranges[0]));
          bytes[1].push_back(byte_of(at(row, taken_by_width[column], c) + plain.width_bias[column], product.ranges[1]));
          bytes[2].push_back(byte_of(at(taken_by_height[row], column, c) + plain.height_bias[row], product.ranges[2]));
        }
        for (std::size_t n = 0; n < channels; ++n) want.push_back(at(row, column, n) + product.output(n, bytes));
      }
    }
    EXPECT_TRUE(same_bits(run.read(x, s), want)) << "size " << s.size << ", channels " << s.channels;
  }

  struct Mlp {
    Product fc1, fc2;
    std::vector<float> picture;
  };

  // FC1's sums are small integers, whose GELU rounds to max(sum, 0): 0.84 to 1, 1.95 to 2, -0.17 to 0.
  static Mlp make_mlp(const Shape& s, int weights_to) {
    Random random(static_cast<unsigned>(s.size * 1000 + s.channels * 37 + s.hidden));
    const auto channels = static_cast<std::size_t>(s.channels), hidden = static_cast<std::size_t>(s.hidden);
    Mlp mlp = {.fc1 = {.weight = std::vector<std::int8_t>(hidden * channels, 0),
                       .scale = std::vector<float>(hidden, 1.0F),
                       .bias = random.many<float>(hidden, -20, 120),
                       .ranges = {{20.0F, 130}}},
               .fc2 = {.weight = random.many<std::int8_t>(channels * hidden, -weights_to, weights_to),
                       .scale = {},
                       .bias = random.many<float>(channels, -50, 50),
                       .ranges = {{1.0F, 2}}},
               .picture = {}};
    for (std::size_t n = 0; n < hidden; ++n) {
      for (int i = 0; i < 6; ++i) {
        mlp.fc1.weight[n * channels + static_cast<std::size_t>(random(0, s.channels - 1))] =
            static_cast<std::int8_t>(random(-2, 2));
      }
    }
    for (std::size_t n = 0; n < channels; ++n) mlp.fc2.scale.push_back(std::ldexp(1.0F, -static_cast<int>(n % 7)));
    for (int p = 0; p < s.pixels(); ++p) {
      for (bool doubtful = true; doubtful;) {
        const std::vector<float> pixel = random.many<float>(channels, -8, 8);
        doubtful = false;
        for (const double y : normalized(pixel.data(), channels)) doubtful |= doubt(y, mlp.fc1.ranges[0]) < 2e-4;
        if (!doubtful) mlp.picture.insert(mlp.picture.end(), pixel.begin(), pixel.end());
      }
    }
    return mlp;
  }

  static std::vector<double> normalized(const float* x, std::size_t count) {
    double mean = 0, variance = 0;
    for (std::size_t c = 0; c < count; ++c) mean += x[c] / static_cast<double>(count);
    for (std::size_t c = 0; c < count; ++c) variance += (x[c] - mean) * (x[c] - mean) / static_cast<double>(count);
    std::vector<double> out;
    for (std::size_t c = 0; c < count; ++c) out.push_back((x[c] - mean) / std::sqrt(variance + 1e-5));
    return out;
  }

  static std::vector<float> channel_mixed(const Shape& s, const Mlp& mlp) {
    const auto channels = static_cast<std::size_t>(s.channels), hidden = static_cast<std::size_t>(s.hidden);
    std::vector<float> out;
    for (std::size_t p = 0; p < mlp.picture.size(); p += channels) {
      std::vector<std::vector<int>> in(1), activated(1);
      for (const double y : normalized(mlp.picture.data() + p, channels))
        in[0].push_back(byte_of(y, mlp.fc1.ranges[0]));
      for (std::size_t n = 0; n < hidden; ++n) {
        activated[0].push_back(byte_of(exact_gelu(mlp.fc1.output(n, in)), mlp.fc2.ranges[0]));
      }
      for (std::size_t n = 0; n < channels; ++n) out.push_back(mlp.picture[p + n] + mlp.fc2.output(n, activated));
    }
    return out;
  }

  kernels::Block block_of(StepRunner& run, const Mlp& mlp) {
    kernels::Block block = {};
    block.norm_epsilon = 1e-5F;
    block.fc1 = run.int8_matrix(mlp.fc1.weight, mlp.fc1.scale, mlp.fc1.bias, mlp.fc1.ranges);
    block.fc2 = run.int8_matrix(mlp.fc2.weight, mlp.fc2.scale, mlp.fc2.bias, mlp.fc2.ranges);
    return block;
  }

  void check_channel_mix(const Shape& s, int weights_to = 127) {
    const Mlp mlp = make_mlp(s, weights_to);
    StepRunner run(table_);
    StepBuffer& x = run.stream(s, {mlp.picture});
    run.channel_mix(block_of(run, mlp), s, x, {{0, 1, 0, s.size}});
    EXPECT_TRUE(same_bits(run.read(x, s), channel_mixed(s, mlp)))
        << "size " << s.size << ", channels " << s.channels << ", hidden " << s.hidden;
  }

  // One of FC1 and FC2 in the table's other format. What is bfloat16 is off by 2^-8 of itself at most (the input of
  // FC1, or what GELU makes of its output), what is a byte by half of one.
  void check_two_formats(const Shape& s, bool is_fc1_int8) {
    const Mlp mlp = make_mlp(s, 3);
    const auto channels = static_cast<std::size_t>(s.channels), hidden = static_cast<std::size_t>(s.hidden);
    StepRunner run(table_);
    StepBuffer& x = run.stream(s, {mlp.picture});
    kernels::Block block = block_of(run, mlp);
    const auto plain = [&](const Product& p, int outputs) {
      return run.matrix({p.weight.begin(), p.weight.end()}, p.bias, outputs, 1);
    };
    if (is_fc1_int8) {
      block.fc2 = plain(mlp.fc2, s.channels);
    } else {
      block.fc1 = plain(mlp.fc1, s.hidden);
    }
    run.channel_mix(block, s, x, {{0, 1, 0, s.size}});
    const std::vector<float> got = run.read(x, s);
    for (std::size_t p = 0; p < mlp.picture.size(); p += channels) {
      const std::vector<double> in = normalized(mlp.picture.data() + p, channels);
      std::vector<double> activated(hidden), errors(hidden);
      for (std::size_t n = 0; n < hidden; ++n) {
        double sum = mlp.fc1.bias[n], error = 0;
        for (std::size_t k = 0; k < channels; ++k) {
          const double w = mlp.fc1.weight[n * channels + k];
          const ByteRange& range = mlp.fc1.ranges[0];
          sum += w * (is_fc1_int8 ? byte_of(in[k], range) - range.zero : in[k]);
          error += is_fc1_int8 ? 0 : std::abs(w * in[k]) * 0x1p-8;
        }
        activated[n] = exact_gelu(sum);
        if (is_fc1_int8) {
          errors[n] = std::abs(activated[n]) * 0x1p-8 + 1e-4;
        } else {
          activated[n] = std::clamp(activated[n], -2.0, 253.0);
          errors[n] = 1.13 * error + 0.5 + 2e-3;
        }
      }
      for (std::size_t n = 0; n < channels; ++n) {
        double sum = mlp.picture[p + n] + mlp.fc2.bias[n], error = 1e-3;
        const double scale = is_fc1_int8 ? 1 : mlp.fc2.scale[n];
        for (std::size_t k = 0; k < hidden; ++k) {
          const double w = scale * mlp.fc2.weight[n * hidden + k];
          sum += w * activated[k];
          error += std::abs(w) * errors[k];
        }
        ASSERT_NEAR(got[p + n], sum, error + std::abs(sum) * 1e-6) << "channel " << n << ", pixel " << p / channels;
      }
    }
  }
};

TEST_P(Int8, FuseOfEveryWidthAndGrid) {
  for (int channels = 1; channels <= 70; ++channels) check_fuse({3, channels, 1});
  for (int size = 1; size <= 40; ++size) check_fuse({size, 3, 1});
  for (const int size : {1, 2, 7, 14, 15, 17}) check_fuse({size, 33, 1});
  for (const int channels : {127, 128, 129, 191, 192, 193}) check_fuse({2, channels, 1});
}

TEST_P(Int8, ChannelMixOfEveryWidthHiddenSizeAndRow) {
  for (int channels = 2; channels <= 70; ++channels) check_channel_mix({2, channels, 3 * channels});
  for (int hidden = 1; hidden <= 70; ++hidden) check_channel_mix({2, 7, hidden});
  for (int size = 1; size <= 40; ++size) check_channel_mix({size, 5, 10});
  for (const int hidden : {127, 128, 129, 191, 192, 193}) check_channel_mix({2, 16, hidden});
}

// Sums beyond 2^24, which float32 rounds, and longer than the caches hold.
TEST_P(Int8, LongSums) {
  check_channel_mix({2, 130, 2600});
  check_fuse({2, 450, 1});
}

// Depths that fill the runs of the tile kernels (20 steps of 64) exactly, and one more.
TEST_P(Int8, SumsOfWholeRuns) {
  for (const int hidden : {1280, 1344, 2560, 2624}) check_channel_mix({2, 6, hidden});
}

// The largest sums there are: every byte 255, every weight 127 or -127. Instructions that saturate would fall short.
TEST_P(Int8, LargestSums) {
  const Shape s = {4, 66, 200};
  Mlp mlp = make_mlp(s, 127);
  std::fill(mlp.fc1.bias.begin(), mlp.fc1.bias.end(), 1000.0F);
  mlp.fc2.ranges[0].zero = 0;
  for (std::size_t i = 0; i < mlp.fc2.weight.size(); ++i) {
    mlp.fc2.weight[i] = static_cast<std::int8_t>(i / 200 % 2 == 0 ? 127 : -127);
  }
  StepRunner run(table_);
  StepBuffer& x = run.stream(s, {mlp.picture});
  run.channel_mix(block_of(run, mlp), s, x, {{0, 1, 0, s.size}});
  EXPECT_TRUE(same_bits(run.read(x, s), channel_mixed(s, mlp)));
}

TEST_P(Int8, UnitsGiveTheBitsOfTheWhole) {
  for (const Shape s : {Shape{7, 19, 38}, Shape{5, 3, 9}, Shape{14, 33, 33}}) {
    const Mlp mlp = make_mlp(s, 127);
    const std::vector<float> want = channel_mixed(s, mlp);
    for (int rows = 1; rows <= s.size; ++rows) {
      std::vector<Unit> units;
      for (int row = 0; row < s.size; row += rows) units.push_back({0, 1, row, std::min(rows, s.size - row)});
      StepRunner run(table_);
      StepBuffer& x = run.stream(s, {mlp.picture});
      run.channel_mix(block_of(run, mlp), s, x, units);
      EXPECT_TRUE(same_bits(run.read(x, s), want)) << rows << " rows";
    }
  }
}

TEST_P(Int8, OneProductMayHaveAnotherFormat) {
  for (int channels = 2; channels <= 40; ++channels) {
    for (const bool is_fc1_int8 : {true, false}) check_two_formats({2, channels, 2 * channels}, is_fc1_int8);
  }
}

// What is infinite or beyond any byte is the nearest one; a picture's NaN stays its own.
TEST_P(Int8, ActivationsBeyondTheRange) {
  const Shape s = {1, 20, 4};
  Mlp mlp = make_mlp(s, 127);
  mlp.fc1.bias = {1e30F, -1e30F, std::numeric_limits<float>::infinity(), 3e9F};
  const std::vector<float> want = channel_mixed(s, mlp);
  StepRunner run(table_);
  StepBuffer& x = run.stream(s, {mlp.picture});
  run.channel_mix(block_of(run, mlp), s, x, {{0, 1, 0, s.size}});
  EXPECT_TRUE(same_bits(run.read(x, s), want));
}

INSTANTIATE_TEST_SUITE_P(Isa, Int8, testing::Range<std::size_t>(0, int8_tables_present().size()),
                         [](const auto& test) { return table_name(int8_tables_present()[test.param]); });

}  // namespace
}  // namespace smlp::test
