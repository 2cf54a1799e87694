#include "model/tensor.h"

#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/float16.h"

namespace smlp {
namespace {

using testing::ElementsAre;

template <class T>
Tensor view(DType type, std::span<const T> storage, std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
            std::int64_t offset = 0) {
  Tensor tensor;
  tensor.name = "t";
  tensor.dtype = type;
  tensor.dtype_text = dtype_name(type);
  tensor.shape = std::move(shape);
  tensor.strides = std::move(strides);
  tensor.offset = offset;
  tensor.storage = std::as_bytes(storage);
  return tensor;
}

TEST(Tensor, GathersTransposedSlicedAndRepeatedViews) {
  const std::vector<float> s = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const std::span<const float> all(s);
  EXPECT_THAT(*view(DType::f32, all, {3, 2}, {1, 3}).to_float(), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(*view(DType::f32, all, {2, 2}, {6, 2}, 1).to_float(), ElementsAre(1, 3, 7, 9));
  EXPECT_THAT(*view(DType::f32, all, {2, 3}, {0, 1}, 9).to_float(), ElementsAre(9, 10, 11, 9, 10, 11));
  EXPECT_THAT(*view(DType::f32, all, {2, 1, 3, 2}, {6, 99, 2, 1}).to_float(),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_THAT(*view(DType::f32, all, {}, {}, 7).to_float(), ElementsAre(7));
  EXPECT_THAT(*view(DType::f32, all, {3, 0}, {1, 1}).to_float(), ElementsAre());
  EXPECT_THAT(*view(DType::f32, all, {0, 3}, {1, 1}).to_float(), ElementsAre());
}

TEST(Tensor, RefusesAViewThatRepeatsATinyStorageAMillionTimes) {
  const float one = 1;
  const std::span<const float> all(&one, 1);
  EXPECT_FALSE(view(DType::f32, all, {1 << 20, 1 << 20}, {0, 0}).to_float());
  EXPECT_EQ(view(DType::f32, all, {512}, {0}).to_float()->size(), 512U);
}

TEST(Tensor, IntegersStayExactAndOtherTypesAreRefused) {
  const std::vector<std::int64_t> l = {(1LL << 53) + 1, 0, std::numeric_limits<std::int64_t>::min(), 0};
  EXPECT_THAT(*view(DType::i64, std::span<const std::int64_t>(l), {2}, {2}).to_integers(), ElementsAre(l[0], l[2]));
  const std::vector<std::int32_t> i = {16'777'217, -16'777'219};
  EXPECT_THAT(*view(DType::i32, std::span<const std::int32_t>(i), {2, 2}, {0, 1}).to_integers(),
              ElementsAre(i[0], i[1], i[0], i[1]));
  const std::vector<std::int16_t> s = {-300, 300};
  EXPECT_THAT(*view(DType::i16, std::span<const std::int16_t>(s), {2}, {1}).to_integers(), ElementsAre(-300, 300));
  const std::vector<std::uint8_t> u = {0, 1, 255};
  EXPECT_THAT(*view(DType::u8, std::span<const std::uint8_t>(u), {3}, {1}).to_integers(), ElementsAre(0, 1, 255));
  EXPECT_THAT(*view(DType::i8, std::span<const std::uint8_t>(u), {3}, {1}).to_integers(), ElementsAre(0, 1, -1));
  EXPECT_THAT(*view(DType::boolean, std::span<const std::uint8_t>(u), {3}, {1}).to_integers(), ElementsAre(0, 1, 1));
  for (const DType type : {DType::f64, DType::f32, DType::f16, DType::bf16, DType::other}) {
    const auto outcome = view(type, std::span<const std::int64_t>(l), {1}, {1}).to_integers();
    ASSERT_FALSE(outcome) << dtype_name(type);
    EXPECT_EQ(outcome.error().tensor, "t");
  }
  EXPECT_FALSE(view(DType::i8, std::span<const std::uint8_t>(u), {1 << 20, 1 << 20}, {0, 0}).to_integers());
}

TEST(Tensor, ConvertsEveryTypeAndRefusesOthers) {
  const std::vector<double> d = {1.0 + 0x1p-24, 1.0 + 0x1.8p-23, -1e300, 0x1p-149};  // a tie, a tie, too big, smallest
  const auto f = *view(DType::f64, std::span<const double>(d), {4}, {1}).to_float();
  EXPECT_THAT(f, ElementsAre(1.0F, 1.0F + 0x1p-22F, -std::numeric_limits<float>::infinity(), 0x1p-149F));
  const std::vector<std::int64_t> l = {-3, 1LL << 40};
  EXPECT_THAT(*view(DType::i64, std::span<const std::int64_t>(l), {2}, {1}).to_float(), ElementsAre(-3.0F, 0x1p40F));
  const std::vector<std::uint8_t> u = {0, 1, 255};
  EXPECT_THAT(*view(DType::u8, std::span<const std::uint8_t>(u), {3}, {1}).to_float(), ElementsAre(0, 1, 255));
  EXPECT_THAT(*view(DType::i8, std::span<const std::uint8_t>(u), {3}, {1}).to_float(), ElementsAre(0, 1, -1));
  EXPECT_THAT(*view(DType::boolean, std::span<const std::uint8_t>(u), {3}, {1}).to_float(), ElementsAre(0, 1, 1));
  auto other = view(DType::other, std::span<const std::uint8_t>(u), {3}, {1});
  other.dtype_text = "complex64";
  const auto refused = other.to_float();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("complex64"));
}

TEST(Float16, EveryHalfIsExact) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const int sign = bits >> 15, exponent = bits >> 10 & 31, mantissa = bits & 0x3FF;
    const float got = half_to_float(static_cast<std::uint16_t>(bits));
    EXPECT_EQ(std::signbit(got), sign == 1);
    if (exponent == 31) {
      EXPECT_TRUE(mantissa == 0 ? std::isinf(got) : std::isnan(got)) << bits;
      continue;
    }
    const double value = exponent == 0 ? mantissa * 0x1p-24 : (1024 + mantissa) * std::exp2(exponent - 25);
    EXPECT_EQ(std::abs(got), value) << bits;
  }
}

TEST(Float16, Bfloat16RoundsToTheNearestEven) {
  EXPECT_EQ(float_to_bfloat16(1.0F), 0x3F80);
  EXPECT_EQ(float_to_bfloat16(1.0F + 0x1p-8F), 0x3F80);             // tie: down to even
  EXPECT_EQ(float_to_bfloat16(1.0F + 3 * 0x1p-8F), 0x3F82);         // tie: up to even
  EXPECT_EQ(float_to_bfloat16(1.0F + 0x1p-8F + 0x1p-20F), 0x3F81);  // above the tie
  EXPECT_EQ(float_to_bfloat16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0x7F800001U)))));
  for (int bits = 0; bits < 0x10000; ++bits) {
    const float value = bfloat16_to_float(static_cast<std::uint16_t>(bits));
    if (!std::isnan(value)) {
      EXPECT_EQ(float_to_bfloat16(value), bits);
    }
  }
}

}  // namespace
}  // namespace smlp
