// What is said of two models' right answers, against numbers worked out by hand.
#include "tasks/compare_models.h"

#include <gtest/gtest.h>

namespace smlp {
namespace {

ModelComparison of(std::int64_t pictures, std::int64_t first, std::int64_t second) {
  ModelComparison out;
  out.pictures = pictures;
  out.only_right[0] = first;
  out.only_right[1] = second;
  return out;
}

TEST(CompareModels, TheDifferenceIsOfTheSharesOfRightAnswers) {
  EXPECT_DOUBLE_EQ(of(100, 10, 4).difference(), -0.06);
  EXPECT_DOUBLE_EQ(of(100, 4, 10).difference(), 0.06);
  EXPECT_EQ(of(100, 3, 3).difference(), 0);
  EXPECT_EQ(of(0, 0, 0).difference(), 0) << "of no pictures";
}

// With b = 10.5 and c = 4.5 of n = 102: middle -6/102, variance (15 - 36/102) / 102^2.
TEST(CompareModels, TheIntervalIsAgrestiAndMins) {
  const Interval uneven = of(100, 10, 4).difference_interval();
  EXPECT_NEAR(uneven.low, -6.0 / 102 - 1.959963984540054 * 3.8271476093207344 / 102, 1e-12);
  EXPECT_NEAR(uneven.high, -6.0 / 102 + 1.959963984540054 * 3.8271476093207344 / 102, 1e-12);
  const Interval other = of(100, 4, 10).difference_interval();
  EXPECT_NEAR(other.low, -uneven.high, 1e-15);
  EXPECT_NEAR(other.high, -uneven.low, 1e-15);
  const Interval even = of(98, 0, 0).difference_interval();  // sqrt(1) of 100
  EXPECT_NEAR(even.low, -0.01959963984540054, 1e-15);
  EXPECT_NEAR(even.high, 0.01959963984540054, 1e-15);
}

TEST(CompareModels, TheIntervalStaysBetweenMinusOneAndOne) {
  EXPECT_EQ(of(2, 2, 0).difference_interval().low, -1);
  EXPECT_EQ(of(2, 0, 2).difference_interval().high, 1);
  EXPECT_LT(of(2, 2, 0).difference_interval().high, 1);
}

// Sums of binomial coefficients over powers of two.
TEST(CompareModels, McNemarsTestIsTwiceTheLowerTail) {
  EXPECT_EQ(of(9, 0, 0).mcnemar_p(), 1);
  EXPECT_DOUBLE_EQ(of(9, 1, 0).mcnemar_p(), 1);
  EXPECT_DOUBLE_EQ(of(9, 4, 4).mcnemar_p(), 1) << "never more than one";
  EXPECT_NEAR(of(9, 0, 6).mcnemar_p(), 2.0 / 64, 1e-12);
  EXPECT_NEAR(of(9, 6, 0).mcnemar_p(), 2.0 / 64, 1e-12);
  EXPECT_NEAR(of(9, 2, 8).mcnemar_p(), 2.0 * (1 + 10 + 45) / 1024, 1e-12);
  EXPECT_NEAR(of(9, 10, 1).mcnemar_p(), 2.0 * (1 + 11) / 2048, 1e-12);
  const double tiny = of(9000, 0, 2000).mcnemar_p();
  EXPECT_TRUE(tiny >= 0 && tiny < 1e-300);
}

}  // namespace
}  // namespace smlp
