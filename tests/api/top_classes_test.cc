#include "api/top_classes.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int> indices(const std::vector<Prediction>& predictions) {
  std::vector<int> out;
  for (const Prediction& p : predictions) out.push_back(p.index);
  return out;
}

TEST(TopClasses, BestFirstWithSoftmaxOverAll) {
  const float logits[] = {0, std::log(2.0F), std::log(5.0F)};  // e^x: 1, 2, 5
  const auto best = top_classes(logits, 2, {});
  ASSERT_TRUE(best);
  EXPECT_THAT(indices(*best), ElementsAre(2, 1));
  EXPECT_FLOAT_EQ((*best)[0].probability, 0.625F);
  EXPECT_FLOAT_EQ((*best)[1].probability, 0.25F);
  EXPECT_EQ((*best)[0].label, "class 2");
}

TEST(TopClasses, EqualLogitsKeepTheirOrderAndNamesAreUsed) {
  const std::string names[] = {"a", "b", "c"};
  const auto best = top_classes(std::vector<float>{7, 7, 7}, 100, names);
  ASSERT_TRUE(best);
  EXPECT_THAT(indices(*best), ElementsAre(0, 1, 2));
  EXPECT_EQ((*best)[1].label, "b");
  EXPECT_FLOAT_EQ((*best)[2].probability, 1.0F / 3);
}

TEST(TopClasses, HugeLogitsDoNotOverflow) {
  const auto best = top_classes(std::vector<float>{3e38F, -3e38F, 0}, 3, {});
  ASSERT_TRUE(best);
  EXPECT_EQ((*best)[0].probability, 1);
  EXPECT_EQ((*best)[2].probability, 0);
}

TEST(TopClasses, NoneAreGivenWhereNoneAreWanted) {
  for (const int top : {0, -1}) {
    const auto best = top_classes(std::vector<float>{1, 2}, top, {});
    ASSERT_TRUE(best);
    EXPECT_TRUE(best->empty()) << top;
  }
}

TEST(Softmax, IsInPlace) {
  std::vector<float> values = {0, std::log(2.0F), std::log(5.0F)};  // e^x: 1, 2, 5
  ASSERT_TRUE(softmax(values));
  EXPECT_FLOAT_EQ(values[0], 0.125F);
  EXPECT_FLOAT_EQ(values[1], 0.25F);
  EXPECT_FLOAT_EQ(values[2], 0.625F);
  std::vector<float> bad = {1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_FALSE(softmax(bad));
  EXPECT_EQ(bad[0], 1) << "left as they were";
}

TEST(TopClasses, AnOutputThatIsNoNumberIsAnError) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const auto best = top_classes(std::vector<float>{1, bad}, 1, {});
    ASSERT_FALSE(best);
    EXPECT_THAT(best.error().message(), HasSubstr("not finite"));
  }
}

}  // namespace
}  // namespace smlp
