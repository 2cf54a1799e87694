// Every step of every kernel table against the mathematics in double, each dimension swept across its tails.
#include <gtest/gtest.h>

#include <limits>

#include "oracle.h"
#include "step_runner.h"
#include "support/compare.h"
#include "support/generator.h"
#include "support/isas.h"

namespace smlp::test {
namespace {

using kernels::Shape;
using kernels::Unit;

std::vector<float> random(const char* name, int count, double center, double scale) {
  return uniform(99, name, static_cast<std::size_t>(count), center, scale);
}

PlainBlock random_block(const Shape& s) {
  const int c = s.channels, h = s.size;
  return {.size = h,
          .channels = c,
          .hidden = s.hidden,
          .pre_scale = random("pre_scale", c, 0.25, 1.0),
          .pre_shift = random("pre_shift", c, 0.1, 0.5),
          .depthwise = random("depthwise", 9 * c, 0.0, 0.6),
          .depthwise_bias = random("depthwise_bias", c, 0.1, 0.5),
          .width = random("width", h * h, 0.0, 1.0 / h),
          .width_bias = random("width_bias", h, 0.1, 0.5),
          .height = random("height", h * h, 0.0, 1.0 / h),
          .height_bias = random("height_bias", h, 0.1, 0.5),
          .fuse = random("fuse", 3 * c * c, 0.0, 1.0 / c),
          .fc1 = random("fc1", s.hidden * c, 0.0, 1.5 / c),
          .fc1_bias = random("fc1_bias", s.hidden, 0.1, 0.5),
          .fc2 = random("fc2", c * s.hidden, 0.0, 1.5 / s.hidden),
          .fc2_bias = random("fc2_bias", c, 0.1, 0.5)};
}

std::vector<float> random_picture(const Shape& s, int index = 0) {
  return uniform(static_cast<std::uint64_t>(100 + index), "stream", static_cast<std::size_t>(s.pixels() * s.channels),
                 0.125, 1.5);
}

testing::AssertionResult agree(const std::vector<float>& got, const std::vector<Number>& want) {
  if (got.size() != want.size()) return testing::AssertionFailure() << got.size() << " for " << want.size();
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!within(got[i], want[i].value, want[i].error)) {
      return testing::AssertionFailure() << "element " << i << ": " << got[i] << " for " << want[i].value << " +- "
                                         << want[i].error;
    }
  }
  return testing::AssertionSuccess();
}

class Step : public testing::TestWithParam<std::size_t> {
 protected:
  const kernels::Kernels& table_ = *tables_present()[GetParam()].table;
  const bool starts_at_x_ = table_.isa == std::string_view("amx");
  const Arithmetic exact_gelu_ = {table_.precision, GeluPrecision::high_precision, starts_at_x_};
  const Arithmetic fast_gelu_ = {table_.precision, GeluPrecision::high_performance, starts_at_x_};

  static std::vector<Unit> whole(const Shape& s, int images = 1) { return {{0, images, 0, s.size}}; }

  void check_token_mix(const Shape& s) { check_token_mix(s, exact_gelu_); }
  void check_token_mix(const Shape& s, const Arithmetic& arithmetic) {
    const PlainBlock block = random_block(s);
    const std::vector<float> picture = random_picture(s);
    StepRunner run(table_);
    StepBuffer& x = run.stream(s, {picture});
    run.token_mix(run.block(block, arithmetic.gelu_precision), s, x, 1, whole(s));
    EXPECT_TRUE(agree(run.read(x, s), token_mix(arithmetic, block, picture)))
        << "size " << s.size << ", channels " << s.channels;
  }

  void check_channel_mix(const Shape& s) { check_channel_mix(s, exact_gelu_); }
  void check_channel_mix(const Shape& s, const Arithmetic& arithmetic) {
    const PlainBlock block = random_block(s);
    const std::vector<float> picture = random_picture(s);
    StepRunner run(table_);
    StepBuffer& x = run.stream(s, {picture});
    run.channel_mix(run.block(block, arithmetic.gelu_precision), s, x, whole(s));
    EXPECT_TRUE(agree(run.read(x, s), channel_mix(arithmetic, block, picture)))
        << "size " << s.size << ", channels " << s.channels << ", hidden " << s.hidden;
  }

  // However a step is cut into units, the bits are the same, and a unit leaves alone what is not its own.
  void check_units(const Shape& s) {
    constexpr int kImages = 3;
    const PlainBlock plain = random_block(s);
    std::vector<std::vector<float>> pictures;
    for (int i = 0; i < kImages; ++i) pictures.push_back(random_picture(s, i));
    const auto result = [&](const std::vector<Unit>& units) {
      StepRunner run(table_);
      StepBuffer& x = run.stream(s, pictures);
      const kernels::Block block = run.block(plain);
      run.token_mix(block, s, x, kImages, units);
      run.channel_mix(block, s, x, units);
      std::vector<float> all;
      for (int i = 0; i < kImages; ++i) {
        const std::vector<float> one = run.read(x, s, i);
        all.insert(all.end(), one.begin(), one.end());
      }
      return all;
    };
    const std::vector<float> want = result(whole(s, kImages));
    for (int rows = 1; rows <= s.size; ++rows) {
      std::vector<Unit> units;
      for (int image = 0; image < kImages; ++image) {
        for (int row = 0; row < s.size; row += rows) units.push_back({image, 1, row, std::min(rows, s.size - row)});
      }
      EXPECT_TRUE(same_bits(result(units), want)) << rows << " rows";
      std::reverse(units.begin(), units.end());
      EXPECT_TRUE(same_bits(result(units), want)) << rows << " rows, last first";
    }
    EXPECT_TRUE(same_bits(result({{0, 2, 0, s.size}, {2, 1, 0, s.size}}), want));
  }

  void check_stem(const Shape& s, int in_channels, int patch) {
    const int inputs = in_channels * patch * patch, side = s.size * patch;
    const std::vector<float> weight = random("stem", s.channels * inputs, 0.0, 1.0);
    const std::vector<float> pixels = random("pixels", 2 * in_channels * side * side, 0.1, 2.0);
    Guarded<float> pictures(pixels.size());
    std::copy(pixels.begin(), pixels.end(), pictures.begin());
    StepRunner run(table_);
    StepBuffer& x = run.buffer(table_.stream_bytes(2, s));
    table_.stem(run.matrix(weight, {}, s.channels, 1), s, in_channels, patch, pictures.data(), {0, 2, 0, s.size},
                x.data(), run.buffer(table_.scratch_bytes(s, inputs)).data());
    for (int image = 0; image < 2; ++image) {
      const auto want = stem(exact_gelu_, weight, s.size, s.channels, in_channels, patch, pixels, image);
      EXPECT_TRUE(agree(run.read(x, s, image), want))
          << "size " << s.size << ", channels " << s.channels << ", inputs " << in_channels << " x " << patch;
    }
  }

  void check_downsample(const Shape& s, int odd = 0) {
    const int half = s.channels / 2;
    const Shape finer = {2 * s.size + odd, half, half};
    const std::vector<float> weight = random("downsample", s.channels * 4 * half, 0.0, 1.0);
    const std::vector<float> from = random_picture(finer);
    StepRunner run(table_);
    StepBuffer& source = run.stream(finer, {from});
    StepBuffer& x = run.buffer(table_.stream_bytes(1, s));
    table_.downsample(run.matrix(weight, {}, s.channels, 4), finer, source.data(), s, {0, 1, 0, s.size}, x.data(),
                      run.buffer(table_.scratch_bytes(s, 4 * half)).data());
    const auto want = downsample(exact_gelu_, weight, s.size, s.channels, finer.size, half, from);
    EXPECT_TRUE(agree(run.read(x, s), want)) << "size " << finer.size << ", channels " << s.channels;
  }

  void check_head(const Shape& s, int classes) {
    const std::vector<float> weight = random("head", classes * s.channels, 0.0, 1.0);
    const std::vector<float> bias = random("bias", classes, 0.0, 1.0);
    StepRunner run(table_);
    StepBuffer& x = run.stream(s, {random_picture(s, 0), random_picture(s, 1)});
    for (int image = 0; image < 2; ++image) {
      const std::vector<float> picture = random_picture(s, image);
      Guarded<float> logits(static_cast<std::size_t>(classes));
      std::fill(logits.begin(), logits.end(), std::nanf(""));
      table_.head(run.matrix(weight, bias, classes, 1), s, x.data(), image, logits.data(),
                  run.buffer(table_.scratch_bytes(s, 0)).data());
      const auto want = head(exact_gelu_, weight, bias, s.channels, picture);
      EXPECT_TRUE(agree({logits.begin(), logits.end()}, want))
          << "size " << s.size << ", channels " << s.channels << ", classes " << classes;
    }
  }
};

TEST_P(Step, StemOfEveryWidthAndRow) {
  for (int channels = 1; channels <= 70; ++channels) check_stem({3, channels, channels}, 3, 2);
  for (int size = 1; size <= 40; ++size) check_stem({size, 5, 5}, 1, 1);
  for (int in_channels = 1; in_channels <= 5; ++in_channels) {
    for (int patch = 1; patch <= 8; ++patch) check_stem({2, 19, 19}, in_channels, patch);
  }
}

TEST_P(Step, DownsampleOfEveryWidthAndRow) {
  for (int channels = 2; channels <= 140; channels += 2) check_downsample({2, channels, channels});
  for (int size = 1; size <= 30; ++size) check_downsample({size, 6, 6});
  for (int size = 1; size <= 9; ++size) check_downsample({size, 6, 6}, 1);
}

TEST_P(Step, TokenMixOfEveryWidthAndGrid) {
  for (int channels = 1; channels <= 70; ++channels) check_token_mix({3, channels, channels});
  for (int size = 1; size <= 40; ++size) check_token_mix({size, 3, 3});
  for (const int size : {1, 2, 7, 14, 15, 17}) check_token_mix({size, 33, 33});
}

TEST_P(Step, ChannelMixOfEveryWidthHiddenSizeAndRow) {
  for (int channels = 1; channels <= 70; ++channels) check_channel_mix({2, channels, 3 * channels});
  for (int hidden = 1; hidden <= 70; ++hidden) check_channel_mix({2, 7, hidden});
  for (int size = 1; size <= 40; ++size) check_channel_mix({size, 5, 10});
}

TEST_P(Step, MixingWithTheFastGelu) {
  for (int channels = 1; channels <= 70; channels += 3) {
    check_token_mix({3, channels, channels}, fast_gelu_);
    check_channel_mix({2, channels, 2 * channels + 1}, fast_gelu_);
  }
}

TEST_P(Step, HeadOfEveryWidthAndClassCount) {
  for (int channels = 1; channels <= 70; ++channels) check_head({3, channels, channels}, 10);
  for (int classes = 1; classes <= 70; ++classes) check_head({1, 17, 17}, classes);
  for (int size = 1; size <= 20; ++size) check_head({size, 9, 9}, 3);
  check_head({7, 80, 80}, 1000);
}

TEST_P(Step, UnitsGiveTheBitsOfTheWhole) {
  for (const Shape s : {Shape{7, 19, 38}, Shape{5, 3, 9}}) check_units(s);
}

// By itself: emulated processors leave it out.
TEST_P(Step, UnitsOfManyRowsGiveTheBitsOfTheWhole) { check_units({14, 33, 33}); }

TEST_P(Step, PicturesBesideANanPictureKeepTheirBits) {
  const Shape s = {5, 11, 22};
  const PlainBlock plain = random_block(s);
  std::vector<std::vector<float>> pictures = {random_picture(s, 0), random_picture(s, 1), random_picture(s, 2)};
  const auto result = [&](int image) {
    StepRunner run(table_);
    StepBuffer& x = run.stream(s, pictures);
    const kernels::Block block = run.block(plain);
    run.token_mix(block, s, x, 3, whole(s, 3));
    run.channel_mix(block, s, x, whole(s, 3));
    return run.read(x, s, image);
  };
  const std::vector<float> first = result(0), last = result(2);
  std::fill(pictures[1].begin(), pictures[1].end(), std::nanf(""));
  EXPECT_TRUE(same_bits(result(0), first));
  EXPECT_TRUE(same_bits(result(2), last));
  for (const float value : result(1)) EXPECT_TRUE(std::isnan(value));
}

// Sums too long for the caches, and more rows than are kept waiting for their rest.
TEST_P(Step, LongSumsAndManyRows) {
  check_channel_mix({2, 330, 1300});
  check_token_mix({2, 330, 330});
  check_downsample({2, 340, 340});
  check_channel_mix({30, 8, 24});
  check_token_mix({30, 8, 8});
  const Shape many = {30, 90, 700};
  if (table_.isa != std::string_view("reference")) check_channel_mix(many);
}

// Depths and rows that fill the runs and bands of the tile kernels (20 steps of 32, 800 rows) exactly, and one more.
TEST_P(Step, SumsOfWholeRunsAndRowsOfWholeBands) {
  for (const int hidden : {640, 672, 1280, 1312}) check_channel_mix({2, 6, hidden});
  for (const int channels : {160, 168, 320, 328}) check_downsample({1, channels, channels});
  if (table_.isa != std::string_view("reference")) check_channel_mix({40, 5, 34});
}

// LayerNorm where a one-pass variance would cancel: a mean a thousand times the spread.
TEST_P(Step, ChannelMixOfAPixelFarFromZero) {
  const Shape s = {2, 24, 48};
  const PlainBlock block = random_block(s);
  std::vector<float> picture = random_picture(s);
  for (float& value : picture) value = 1000.0F + value;
  StepRunner run(table_);
  StepBuffer& x = run.stream(s, {picture});
  run.channel_mix(run.block(block), s, x, whole(s));
  EXPECT_TRUE(agree(run.read(x, s), channel_mix(exact_gelu_, block, picture)));
}

TEST_P(Step, ChannelMixOfAConstantPixelIsFinite) {
  const Shape s = {1, 24, 48};
  const PlainBlock block = random_block(s);
  const std::vector<float> picture(24, 3.0F);
  StepRunner run(table_);
  StepBuffer& x = run.stream(s, {picture});
  run.channel_mix(run.block(block), s, x, whole(s));
  EXPECT_TRUE(agree(run.read(x, s), channel_mix(exact_gelu_, block, picture)));
}

// GELU alone: with x = 0, no taps and fuse = [I, 0, 0], token mixing leaves GELU(depthwise bias).
std::vector<float> gelu_of(const kernels::Kernels& table, const std::vector<float>& inputs, GeluPrecision gelu) {
  constexpr int kChannels = 64;
  std::vector<float> outputs;
  for (std::size_t first = 0; first < inputs.size(); first += kChannels) {
    const int count = static_cast<int>(std::min<std::size_t>(kChannels, inputs.size() - first));
    const Shape s = {1, count, count};
    PlainBlock block = random_block(s);
    std::fill(block.depthwise.begin(), block.depthwise.end(), 0.0F);
    std::copy_n(inputs.begin() + static_cast<std::ptrdiff_t>(first), count, block.depthwise_bias.begin());
    std::fill(block.fuse.begin(), block.fuse.end(), 0.0F);
    for (int c = 0; c < count; ++c) block.fuse[static_cast<std::size_t>(c * 3 * count + c)] = 1.0F;
    StepRunner run(table);
    StepBuffer& x = run.stream(s, {std::vector<float>(static_cast<std::size_t>(count), 0.0F)});
    run.token_mix(run.block(block, gelu), s, x, 1, {{0, 1, 0, 1}});
    const std::vector<float> some = run.read(x, s);
    outputs.insert(outputs.end(), some.begin(), some.end());
  }
  return outputs;
}

std::vector<float> gelu_inputs() {
  std::vector<float> inputs;
  for (int i = -12 * 1024; i <= 12 * 1024; ++i) inputs.push_back(static_cast<float>(i) / 1024.0F);
  for (const float x : uniform(7, "gelu", 8192, 0.0, 6.0)) inputs.push_back(x);
  for (int exponent = -149; exponent <= 6; ++exponent) {
    for (const float sign : {1.0F, -1.0F}) inputs.push_back(sign * std::ldexp(1.0F, exponent) * 1.5F);
  }
  constexpr float kLargestBfloat16 = 0x1.FEp127F;
  inputs.insert(inputs.end(), {0.0F, -0.0F, 1e4F, -1e4F, 1e30F, -1e30F, kLargestBfloat16});
  return inputs;
}

std::vector<Number> gelu_wanted(const Arithmetic& arithmetic, const std::vector<float>& inputs) {
  std::vector<Number> want;
  for (const float x : inputs) want.push_back(arithmetic.stored(arithmetic.gelu({x, 0})));
  return want;
}

TEST_P(Step, GeluIsErfToItsPolynomial) {
  const std::vector<float> inputs = gelu_inputs();
  for (const Arithmetic& arithmetic : {exact_gelu_, fast_gelu_}) {
    EXPECT_TRUE(agree(gelu_of(table_, inputs, arithmetic.gelu_precision), gelu_wanted(arithmetic, inputs)));
  }
}

// The scalar tables have one GELU, the exact one.
TEST_P(Step, TheFastGeluIsAnotherOne) {
  const std::vector<float> inputs = gelu_inputs();
  const std::vector<float> fast = gelu_of(table_, inputs, GeluPrecision::high_performance);
  EXPECT_EQ(static_cast<bool>(agree(fast, gelu_wanted(exact_gelu_, inputs))),
            table_.isa == std::string_view("reference"));
}

// An infinity times a zero is NaN, so here one channel on one pixel, and nothing but ones for weights: x becomes
// 3 GELU(bias).
TEST_P(Step, GeluOfInfinitiesAndNan) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const Shape s = {1, 1, 1};
  const auto three_gelus_of = [&](float bias) {
    PlainBlock block = random_block(s);
    block.depthwise_bias = {bias};
    block.width = block.height = {1.0F};
    block.width_bias = block.height_bias = {0.0F};
    block.fuse = {1.0F, 1.0F, 1.0F};
    StepRunner run(table_);
    StepBuffer& x = run.stream(s, {{0.0F}});
    run.token_mix(run.block(block), s, x, 1, whole(s));
    return run.read(x, s)[0];
  };
  EXPECT_EQ(three_gelus_of(kInf), kInf);
  // The limit. PyTorch has -inf * 0 there; what is infinite in the stream itself stays so in all that follows.
  EXPECT_TRUE(within(three_gelus_of(-kInf), 0.0, 3 * exact_gelu_.gelu_error(-12.0)));
  EXPECT_TRUE(std::isnan(three_gelus_of(std::nanf(""))));
  EXPECT_TRUE(std::isnan(three_gelus_of(-std::nanf(""))));
}

INSTANTIATE_TEST_SUITE_P(Isa, Step, testing::Range<std::size_t>(0, tables_present().size()),
                         [](const auto& test) { return table_name(tables_present()[test.param]); });

// A comparison is worth something only if it can fail: the oracle tells a wrong network by far more than its bounds.
class Oracle : public testing::TestWithParam<Precision> {};

TEST_P(Oracle, TellsAWrongNetwork) {
  const Arithmetic arithmetic = {GetParam()};
  const Shape s = {5, 7, 14};
  const PlainBlock block = random_block(s);
  const std::vector<float> picture = random_picture(s);
  const auto fails = [&](const PlainBlock& wrong, auto step) {
    std::vector<float> values;
    for (const Number& n : step(arithmetic, wrong, picture)) values.push_back(static_cast<float>(n.value));
    return !agree(values, step(arithmetic, block, picture));
  };
  PlainBlock wrong = block;
  EXPECT_FALSE(fails(wrong, token_mix));
  EXPECT_FALSE(fails(wrong, channel_mix));
  std::swap(wrong.width, wrong.height);
  EXPECT_TRUE(fails(wrong, token_mix));
  wrong = block;
  wrong.fc1_bias[3] += 1e-3F;
  EXPECT_TRUE(fails(wrong, channel_mix));
}

INSTANTIATE_TEST_SUITE_P(Precision, Oracle, testing::Values(Precision::fp32, Precision::bf16));

}  // namespace
}  // namespace smlp::test
