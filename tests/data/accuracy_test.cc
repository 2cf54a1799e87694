#include "data/accuracy.h"

#include <gtest/gtest.h>

namespace smlp {
namespace {

// R: binom::binom.wilson(x, n); the first two are also the worked examples of Newcombe (1998), table I.
TEST(Wilson, PublishedIntervals) {
  EXPECT_NEAR(wilson_interval(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(wilson_interval(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(wilson_interval(15, 148).low, 0.0624, 5e-5);
  EXPECT_NEAR(wilson_interval(15, 148).high, 0.1605, 5e-5);
  EXPECT_EQ(wilson_interval(0, 20).low, 0);
  EXPECT_NEAR(wilson_interval(0, 20).high, 0.1611, 5e-5);
  EXPECT_NEAR(wilson_interval(1, 29).low, 0.0061, 5e-5);
  EXPECT_NEAR(wilson_interval(1, 29).high, 0.1718, 5e-5);
  EXPECT_EQ(wilson_interval(29, 29).high, 1);
  EXPECT_EQ(wilson_interval(0, 0).low, 0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

TEST(Chance, ToldFromKnowledge) {
  EXPECT_TRUE(at_chance_level(196, 1966, 10));
  EXPECT_FALSE(at_chance_level(400, 1966, 10));
  EXPECT_TRUE(at_chance_level(50, 50000, 1000));
  EXPECT_TRUE(at_chance_level(0, 100, 10));
  EXPECT_FALSE(at_chance_level(1, 10, 10)) << "too few to say";
  EXPECT_FALSE(at_chance_level(0, 29, 10));
  EXPECT_TRUE(at_chance_level(0, 30, 10));
  EXPECT_TRUE(at_chance_level(15, 30, 2));
  EXPECT_FALSE(at_chance_level(100, 100, 1)) << "one class is always right";
}

}  // namespace
}  // namespace smlp
