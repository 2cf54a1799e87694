// What the tile instructions compute, against plain scalar loops; on a processor with AMX the same tests judge the
// processor. Here through the compiler's intrinsics, as the kernels use them.
#include <immintrin.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <thread>

#include "amx_support.h"
#include "base/float16.h"
#include "support/compare.h"

namespace smlp::test {
namespace {

using AmxProduct = AmxTest;
using AmxState = AmxTest;

struct Sizes {
  int rows, pairs, columns;  // accumulator (rows, columns), A (rows, pairs of k), B (pairs of k, columns)
};

const Sizes kSizes[] = {{16, 16, 16}, {1, 1, 1}, {16, 1, 16}, {1, 16, 3}, {7, 5, 16}, {14, 13, 15}, {3, 16, 1}};

// Tile 0 is the accumulator, 1 is A, 2 is B. Every buffer is dense.
TileConfig config_of(const Sizes& s) {
  TileConfig config;
  return config.set(0, s.rows, 4 * s.columns).set(1, s.rows, 4 * s.pairs).set(2, s.pairs, 4 * s.columns);
}

template <class Accumulator, class Input, class Product>
void multiply(const Sizes& s, std::vector<Accumulator>& c, const std::vector<Input>& a, const std::vector<Input>& b,
              Product product) {
  const TileConfig config = config_of(s);
  _tile_loadconfig(const_cast<const std::uint8_t*>(config.bytes));
  _tile_loadd(0, c.data(), 4 * s.columns);
  _tile_stream_loadd(1, a.data(), 4 * s.pairs);
  _tile_loadd(2, b.data(), 4 * s.columns);
  product();
  _tile_stored(0, c.data(), 4 * s.columns);
  _tile_release();
}

void multiply_bf16(const Sizes& s, std::vector<float>& c, const std::vector<std::uint16_t>& a,
                   const std::vector<std::uint16_t>& b) {
  multiply(s, c, a, b, [] { _tile_dpbf16ps(0, 1, 2); });
}

// bfloat16 numbers of mixed signs and of magnitudes over four powers of two.
std::vector<std::uint16_t> random_bf16(std::mt19937& random, int count) {
  std::vector<std::uint16_t> numbers(count);
  for (auto& n : numbers) n = static_cast<std::uint16_t>((random() & 0x8000) | (0x3e80 + random() % 0x200));
  return numbers;
}

TEST_F(AmxProduct, OfBf16IsTheSumOfProducts) {
  std::mt19937 random(1);
  for (const Sizes& s : kSizes) {
    const auto a = random_bf16(random, s.rows * 2 * s.pairs), b = random_bf16(random, s.pairs * 2 * s.columns);
    std::vector<float> c(s.rows * s.columns);
    for (float& x : c) x = bfloat16_to_float(random_bf16(random, 1)[0]);
    const std::vector<float> before = c;
    multiply_bf16(s, c, a, b);
    for (int m = 0; m < s.rows; ++m) {
      for (int n = 0; n < s.columns; ++n) {
        double sum = before[m * s.columns + n], magnitude = std::abs(sum);
        for (int k = 0; k < 2 * s.pairs; ++k) {
          const double product = double{bfloat16_to_float(a[m * 2 * s.pairs + k])} *
                                 bfloat16_to_float(b[(k / 2 * s.columns + n) * 2 + k % 2]);
          sum += product;
          magnitude += std::abs(product);
        }
        // One rounding a fused product in either chain, one that joins them, one for the accumulator.
        const double bound = (s.pairs + 2) * 0x1p-24 * magnitude;
        EXPECT_TRUE(within(c[m * s.columns + n], sum, bound))
            << c[m * s.columns + n] << " instead of " << sum << " at " << m << ", " << n << " of " << s.rows << " x "
            << s.pairs << " x " << s.columns;
      }
    }
  }
}

// The order of the manual: chains of the even and of the odd products, their sum, the accumulator.
TEST_F(AmxProduct, OfBf16RoundsInTheManualsOrder) {
  std::mt19937 random(2);
  for (const Sizes& s : kSizes) {
    const auto a = random_bf16(random, s.rows * 2 * s.pairs), b = random_bf16(random, s.pairs * 2 * s.columns);
    std::vector<float> c(s.rows * s.columns, 0.3F), want = c;
    for (int m = 0; m < s.rows; ++m) {
      for (int n = 0; n < s.columns; ++n) {
        float chain[2] = {};
        for (int k = 0; k < 2 * s.pairs; ++k) {
          chain[k % 2] = std::fma(bfloat16_to_float(a[m * 2 * s.pairs + k]),
                                  bfloat16_to_float(b[(k / 2 * s.columns + n) * 2 + k % 2]), chain[k % 2]);
        }
        want[m * s.columns + n] += chain[0] + chain[1];
      }
    }
    multiply_bf16(s, c, a, b);
    EXPECT_TRUE(same_bits(c, want)) << s.rows << " x " << s.pairs << " x " << s.columns;
  }
}

// (1, 1) times (x, y), added to c.
float one_product(float c, float x, float y) {
  std::vector<float> sum = {c};
  multiply_bf16({1, 1, 1}, sum, {0x3f80, 0x3f80}, {float_to_bfloat16(x), float_to_bfloat16(y)});
  return sum[0];
}

TEST_F(AmxProduct, OfBf16TakesSubnormalsForZero) {
  constexpr float kSmallest = std::numeric_limits<float>::min();
  EXPECT_EQ(one_product(0.0F, kSmallest, 0.0F), kSmallest);
  EXPECT_EQ(one_product(0.0F, kSmallest / 2, 0.0F), 0.0F);            // of B
  EXPECT_EQ(one_product(kSmallest / 2, kSmallest, 0.0F), kSmallest);  // of the accumulator
  EXPECT_EQ(one_product(0.0F, 1.5F * kSmallest, -kSmallest), 0.0F);   // of the two chains' sum
  EXPECT_EQ(one_product(-kSmallest, 1.5F * kSmallest, 0.0F), 0.0F);   // of the result
}

TEST_F(AmxProduct, OfBf16CarriesInfinitiesAndNaN) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(one_product(1.0F, kInfinity, 2.0F), kInfinity);
  EXPECT_TRUE(std::isnan(one_product(1.0F, kInfinity, -kInfinity)));
  EXPECT_TRUE(std::isnan(one_product(1.0F, std::numeric_limits<float>::quiet_NaN(), 2.0F)));
}

TEST_F(AmxProduct, OfBf16RoundsToNearestWhateverTheThreadsModeIs) {
  constexpr float kHalfUlp = std::numeric_limits<float>::epsilon() / 2;
  const unsigned mode = _mm_getcsr();
  _mm_setcsr(mode | _MM_ROUND_UP);
  const float tie = one_product(1.0F, kHalfUlp, 0.0F), above = one_product(1.0F, kHalfUlp, kHalfUlp / 2);
  const unsigned after = _mm_getcsr() & ~_MM_EXCEPT_MASK;
  _mm_setcsr(mode);
  EXPECT_EQ(tie, 1.0F);
  EXPECT_EQ(above, 1.0F + 2 * kHalfUlp);
  EXPECT_EQ(after, (mode | _MM_ROUND_UP) & ~_MM_EXCEPT_MASK);
}

template <class A, class B, class Product>
void expect_byte_products(const char* name, Product product) {
  std::mt19937 random(3);
  for (const Sizes& s : kSizes) {
    std::vector<std::uint8_t> a(s.rows * 4 * s.pairs), b(s.pairs * 4 * s.columns);
    for (auto& x : a) x = static_cast<std::uint8_t>(random());
    for (auto& x : b) x = static_cast<std::uint8_t>(random());
    a[0] = b[0] = 0x80;
    a.back() = b.back() = 0xff;
    std::vector<std::int32_t> c(s.rows * s.columns, std::numeric_limits<std::int32_t>::max() - 5), want = c;
    for (int m = 0; m < s.rows; ++m) {
      for (int n = 0; n < s.columns; ++n) {
        std::int64_t sum = c[m * s.columns + n];
        for (int k = 0; k < 4 * s.pairs; ++k) {
          sum += int{static_cast<A>(a[m * 4 * s.pairs + k])} * static_cast<B>(b[(k / 4 * s.columns + n) * 4 + k % 4]);
        }
        want[m * s.columns + n] = static_cast<std::int32_t>(sum);  // modulo 2^32
      }
    }
    multiply(s, c, a, b, product);
    EXPECT_EQ(c, want) << name << " " << s.rows << " x " << s.pairs << " x " << s.columns;
  }
}

TEST_F(AmxProduct, OfBytesIsExactAndWrapsAround) {
  expect_byte_products<std::int8_t, std::int8_t>("tdpbssd", [] { _tile_dpbssd(0, 1, 2); });
  expect_byte_products<std::int8_t, std::uint8_t>("tdpbsud", [] { _tile_dpbsud(0, 1, 2); });
  expect_byte_products<std::uint8_t, std::int8_t>("tdpbusd", [] { _tile_dpbusd(0, 1, 2); });
  expect_byte_products<std::uint8_t, std::uint8_t>("tdpbuud", [] { _tile_dpbuud(0, 1, 2); });
}

TEST_F(AmxProduct, EveryTileIsAnAccumulatorAndAnOperand) {
  const std::vector<float> ones(1, 1.0F);
  const std::vector<std::uint16_t> twos(2, float_to_bfloat16(2.0F)), threes(2, float_to_bfloat16(3.0F));
  const TileConfig config = all_tiles(1, 4);
  float sums[8] = {};
#define PRODUCT(C, A, B)                                           \
  _tile_loadconfig(const_cast<const std::uint8_t*>(config.bytes)); \
  _tile_loadd(C, ones.data(), 4);                                  \
  _tile_loadd(A, twos.data(), 4);                                  \
  _tile_loadd(B, threes.data(), 4);                                \
  _tile_dpbf16ps(C, A, B);                                         \
  _tile_stored(C, &sums[C], 4)
  PRODUCT(0, 7, 1);
  PRODUCT(1, 0, 2);
  PRODUCT(2, 1, 3);
  PRODUCT(3, 2, 4);
  PRODUCT(4, 3, 5);
  PRODUCT(5, 4, 6);
  PRODUCT(6, 5, 7);
  PRODUCT(7, 6, 0);
#undef PRODUCT
  _tile_release();
  for (const float sum : sums) EXPECT_EQ(sum, 13.0F);
}

TEST_F(AmxState, AConfigurationIsStoredAsLoadedAndGoneAfterRelease) {
  const TileConfig config = config_of({14, 16, 15});
  load_config(config);
  std::array<std::uint8_t, 64> want = {};
  for (int i = 0; i < 64; ++i) want[i] = config.bytes[i];
  EXPECT_EQ(stored_config(), want);
  release();
  EXPECT_EQ(stored_config(), (std::array<std::uint8_t, 64>{}));

  load_config(config);
  TileConfig palette0 = {};
  palette0.bytes[0] = 0;
  load_config(palette0);
  EXPECT_EQ(stored_config(), (std::array<std::uint8_t, 64>{}));
}

TEST_F(AmxState, AConfigurationZeroesTheTiles) {
  std::vector<float> row = {1, 2, 3, 4};
  load_config(all_tiles(1, 16));
  load_tile<3>(row.data(), 0);
  load_config(all_tiles(1, 16));
  store_tile<3>(row.data(), 0);
  EXPECT_EQ(row, std::vector<float>(4));
  release();
}

// What a thread starts with is not promised: Linux hands it its creator's configuration, the emulator none.
TEST_F(AmxState, ThreadsHaveTheirOwnTiles) {
  load_config(all_tiles(1, 4));
  const std::uint32_t mine = 1, others[2] = {2, 2};
  load_tile<0>(&mine, 0);
  std::thread([&] {
    load_config(all_tiles(2, 8));
    load_tile<0>(others, 0);
  }).join();
  std::uint32_t kept = 0;
  store_tile<0>(&kept, 0);
  EXPECT_EQ(kept, mine);
  EXPECT_EQ(stored_config()[48], 1);
  release();
}

__attribute__((target("avx512f"))) bool vectors_survive_a_tile_instruction() {
  const __m512 before = _mm512_setr_ps(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
  __m512 low, high;
  __asm__ volatile(
      "vmovaps %2, %%zmm5\n\tvmovaps %2, %%zmm29\n\t"
      "tilezero %%tmm0\n\t"
      "vmovaps %%zmm5, %0\n\tvmovaps %%zmm29, %1"
      : "=&v"(low), "=&v"(high)
      : "v"(before)
      : "xmm5", "xmm29");
  return _mm512_cmpeq_ps_mask(low, before) == 0xffff && _mm512_cmpeq_ps_mask(high, before) == 0xffff;
}

TEST_F(AmxState, VectorRegistersAreLeftAlone) {
  load_config(all_tiles(16, 64));
  EXPECT_TRUE(vectors_survive_a_tile_instruction());
  release();
}

TEST_F(AmxState, TheEmulatorCountsByInstruction) {
  if (!emulated_) GTEST_SKIP() << "the processor has AMX";
  reset_amx_emulated();
  std::vector<float> c(256);
  multiply_bf16({16, 16, 16}, c, std::vector<std::uint16_t>(512), std::vector<std::uint16_t>(512));
  const std::uint64_t want[kAmxOps] = {1, 0, 1, 0, 2, 1, 1, 1, 0, 0, 0, 0};  // in the order of AmxOp
  for (int op = 0; op < kAmxOps; ++op) {
    EXPECT_EQ(amx_emulated(static_cast<AmxOp>(op)), want[op]) << name_of(static_cast<AmxOp>(op));
  }
  reset_amx_emulated();
  EXPECT_EQ(amx_emulated(AmxOp::tdpbf16ps), 0U);
}

}  // namespace
}  // namespace smlp::test
