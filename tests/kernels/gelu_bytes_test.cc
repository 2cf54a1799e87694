// GELU as bytes: what FC2 in int8 reads of FC1's outputs, for every kernel table.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/gelu_coefficients.h"
#include "step_runner.h"
#include "support/isas.h"

namespace smlp::test {
namespace {

using kernels::ByteRange;

class GeluBytes : public testing::TestWithParam<std::size_t> {
 protected:
  const kernels::Kernels& table_ = *int8_tables_present()[GetParam()].table;
  // Tiles have bytes looked up by bytes, unless the range is too narrow for that.
  const bool is_looked_up_ = int8_tables_present()[GetParam()].isa == "amx";

  // What FC2 reads of FC1's outputs `y`, the same in each of 9 pixels: FC2 hands its inputs through.
  std::vector<int> hidden_bytes(const std::vector<float>& y, const ByteRange& range, bool is_fc1_int8) {
    const std::size_t n = y.size();
    const kernels::Shape s = {3, static_cast<int>(n), static_cast<int>(n)};
    const std::vector<std::int8_t> nothing(n * n, 0);
    std::vector<std::int8_t> identity = nothing;
    for (std::size_t i = 0; i < n; ++i) identity[i * n + i] = 1;
    const std::vector<float> ones(n, 1.0F), zeros(n, 0.0F);
    std::vector<float> picture;
    for (std::size_t i = 0; i < 9 * n; ++i) picture.push_back(static_cast<float>(i * 7 % 17) - 8);
    StepRunner run(table_);
    StepBuffer& x = run.stream(s, {picture});
    kernels::Block block = {};
    block.norm_epsilon = 1e-5F;
    block.fc1 = is_fc1_int8 ? run.int8_matrix(nothing, ones, y, {{20.0F, 130}})
                            : run.matrix(std::vector<float>(n * n, 0.0F), y, s.hidden, 1);
    block.fc2 = run.int8_matrix(identity, ones, zeros, {range});
    run.channel_mix(block, s, x, {{0, 1, 0, s.size}});
    const std::vector<float> got = run.read(x, s);
    std::vector<int> bytes;
    for (std::size_t i = 0; i < got.size(); ++i) bytes.push_back(static_cast<int>(got[i] - picture[i]) + range.zero);
    return bytes;
  }

  // Each of the 9 pixels has the byte of each GELU(y), by no more than `bound`.
  void check(const std::vector<float>& y, const ByteRange& range, float bound) {
    for (const bool is_fc1_int8 : {true, false}) {
      const std::vector<int> got = hidden_bytes(y, range, is_fc1_int8);
      for (std::size_t i = 0; i < got.size(); ++i) {
        const double gelu = exact_gelu(y[i % y.size()]),
                     want = std::clamp(gelu * range.factor + range.zero, 0.0, 255.0);
        ASSERT_LE(std::abs(got[i] - want), bound)
            << "GELU of " << y[i % y.size()] << ", factor " << range.factor << ", zero " << range.zero;
      }
    }
  }
};

// Bytes of GELU over ranges wide and narrow, and beyond them. A polynomial is off by 1.7e-3 at most, and a byte by half
// of one; tiles have bytes looked up by bytes, off by 1.32 (tile_bytes-inl.h), unless the range is too narrow for that.
TEST_P(GeluBytes, OverRangesWideAndNarrowAndBeyondThem) {
  constexpr int kValues = 330;
  for (const ByteRange& range : std::vector<ByteRange>{{1.0F, 2},
                                                       {8.0F, 1},
                                                       {21.0F, 4},
                                                       {40.0F, 7},
                                                       {77.0F, 13},
                                                       {77.0F, 0},
                                                       {77.0F, 126},
                                                       {77.0F, 127},
                                                       {77.0F, 128},
                                                       {100.0F, 17},
                                                       {150.0F, 25},
                                                       {150.0F, 0},
                                                       {180.0F, 30},
                                                       {200.0F, 34},
                                                       {700.0F, 119},
                                                       {1500.0F, 255}}) {
    const float bound = std::max(0.5F + 1.7e-3F * range.factor, is_looked_up_ ? 1.32F : 0.0F) + 1e-3F;
    const float least = std::min(-6.0F, -40.0F / range.factor), most = 1.1F * 256.0F / range.factor + 0.5F;
    for (const float part : {0.0F, 0.37F, 0.71F}) {
      std::vector<float> y;
      for (int n = 0; n < kValues; ++n) {
        y.push_back(least + (most - least) * (static_cast<float>(n) + part) / static_cast<float>(kValues));
      }
      check(y, range, bound);
    }
  }
}

// Where y is a byte of the range exactly, only what is looked up there can be off: by half a byte where each byte has
// an entry of its own, which a range as wide as 4 has, and by a quarter more where two share one.
TEST_P(GeluBytes, OfNumbersThatAreBytesAreTheNearest) {
  for (const ByteRange& range : std::vector<ByteRange>{{8.0F, 2}, {16.0F, 3}, {32.0F, 6}, {64.0F, 11}, {128.0F, 22}}) {
    std::vector<float> y;
    for (int q = -256; q <= 256; ++q) y.push_back(static_cast<float>(q) / range.factor);
    const auto fit = static_cast<float>(is_looked_up_ ? kernels::GeluFit<9>::error : kernels::GeluFit<5>::error);
    check(y, range, 0.5F + (is_looked_up_ && range.factor > 64 ? 0.25F : 0.0F) + fit * range.factor + 1e-3F);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, GeluBytes, testing::Range<std::size_t>(0, int8_tables_present().size()),
                         [](const auto& test) { return table_name(int8_tables_present()[test.param]); });

}  // namespace
}  // namespace smlp::test
