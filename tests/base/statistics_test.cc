#include "base/statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace smlp {
namespace {

// Expected values: numpy.percentile, numpy.median and numpy.mean of the same lists.
TEST(Statistics, AgreesWithNumpy) {
  const auto four = statistics(std::vector<double>{4, 1, 3, 2});
  EXPECT_EQ(four.min, 1);
  EXPECT_EQ(four.max, 4);
  EXPECT_EQ(four.mean, 2.5);
  EXPECT_EQ(four.median, 2.5);
  EXPECT_DOUBLE_EQ(four.p99, 3.9699999999999998);

  const auto five = statistics(std::vector<double>{10.5, 2.25, 7, 3.125, 99});
  EXPECT_DOUBLE_EQ(five.mean, 24.375);
  EXPECT_EQ(five.median, 7);
  EXPECT_DOUBLE_EQ(five.p99, 95.46);
}

// Twelve values that double: no two percentiles, nor mean and median, can be taken for each other.
TEST(Statistics, EachStatisticIsItself) {
  const auto s = statistics(std::vector<double>{1024, 1, 256, 8, 2, 512, 16, 2048, 64, 4, 128, 32});
  EXPECT_EQ(s.min, 1);
  EXPECT_EQ(s.max, 2048);
  EXPECT_EQ(s.mean, 341.25);
  EXPECT_EQ(s.median, 48);
  EXPECT_DOUBLE_EQ(s.p90, 972.8);
  EXPECT_DOUBLE_EQ(s.p99, 1935.36);
  const std::vector<double> two = {10, 20};
  EXPECT_EQ(percentile(two, 0), 10);
  EXPECT_EQ(percentile(two, 25), 12.5);
  EXPECT_EQ(percentile(two, 90), 19);
  EXPECT_EQ(percentile(two, 100), 20);
}

TEST(Statistics, PercentilesOfHundredAndOneAreTheirRanks) {
  std::vector<double> values(101);
  for (int i = 0; i <= 100; ++i) values[static_cast<std::size_t>(i)] = i;
  for (int q = 0; q <= 100; ++q) EXPECT_DOUBLE_EQ(percentile(values, q), q);
}

TEST(Statistics, OneValueIsEveryStatistic) {
  const auto one = statistics(std::vector<double>{3.5});
  EXPECT_EQ(one.min, 3.5);
  EXPECT_EQ(one.median, 3.5);
  EXPECT_EQ(one.p90, 3.5);
  EXPECT_EQ(one.p99, 3.5);
  EXPECT_EQ(one.max, 3.5);
  EXPECT_EQ(statistics({}).mean, 0);
}

}  // namespace
}  // namespace smlp
