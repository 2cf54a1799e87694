// The expected numbers are those of NumPy: order = np.argsort(-logits, kind="stable"), rank = index of label in order.
#include "data/tally.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace smlp {
namespace {

using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using Logits = std::vector<float>;

constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Rank, IsThatOfAStableDescendingSort) {
  const Logits logits = {0.5F, 2, -1, 2, 0.5F, 7};
  // np.argsort(-np.array([0.5, 2, -1, 2, 0.5, 7]), kind="stable") -> 5 1 3 0 4 2
  const int order[] = {5, 1, 3, 0, 4, 2};
  for (int rank = 0; rank < 6; ++rank) EXPECT_EQ(rank_of(logits, order[rank]), rank);
  EXPECT_EQ(best_of(logits), 5);
}

TEST(Rank, EqualLogitsStandByIndex) {
  const Logits same(7, 0.0F);
  for (int label = 0; label < 7; ++label) EXPECT_EQ(rank_of(same, label), label);
  EXPECT_EQ(best_of(same), 0);
  EXPECT_EQ(rank_of(Logits{0.0F, -0.0F}, 1), 1) << "the two zeros are equal";
  EXPECT_EQ(best_of(Logits{-0.0F, 0.0F}), 0);
  EXPECT_EQ(best_of(Logits{1, 3, 3}), 1);
}

TEST(Rank, NoOrderWithoutFiniteNumbers) {
  for (const float bad : {kInf, -kInf, kNan}) {
    EXPECT_EQ(rank_of(Logits{1, bad, 0}, 0), std::nullopt) << bad;
    EXPECT_EQ(rank_of(Logits{1, 0, bad}, 2), std::nullopt) << bad;
    EXPECT_EQ(best_of(Logits{bad, 1}), std::nullopt) << bad;
  }
  EXPECT_EQ(best_of(Logits{}), std::nullopt);
  EXPECT_EQ(rank_of(Logits{3e38F, -3e38F}, 0), 0);
}

TEST(Tally, TopOneAndTopFive) {
  Tally tally(7);
  const Logits falling = {6, 5, 4, 3, 2, 1, 0};
  for (int label = 0; label < 7; ++label) EXPECT_TRUE(tally.add(label, falling));
  EXPECT_EQ(tally.images(), 7);
  EXPECT_EQ(tally.right1(), 1);
  EXPECT_EQ(tally.right5(), 5) << "ranks 0 to 4";
  EXPECT_EQ(tally.acc1(), 1.0 / 7);
  EXPECT_EQ(tally.acc5(), 5.0 / 7);
  EXPECT_EQ(tally.per_class()[4].right5, 1);
  EXPECT_EQ(tally.per_class()[5].right5, 0);
  EXPECT_EQ(tally.per_class()[0].right1, 1);
  EXPECT_EQ(tally.per_class()[1].right1, 0);
}

TEST(Tally, FewerThanFiveClassesAreAllAmongTheBestFive) {
  Tally tally(3);
  tally.add(2, Logits{3, 2, 1});
  EXPECT_EQ(tally.right1(), 0);
  EXPECT_EQ(tally.right5(), 1);
}

TEST(Tally, WhatIsNotFiniteIsCountedAndWrong) {
  Tally tally(2);
  EXPECT_TRUE(tally.add(0, Logits{1, 0}));
  EXPECT_FALSE(tally.add(0, Logits{kInf, 0}));
  EXPECT_FALSE(tally.add(1, Logits{0, kNan}));
  EXPECT_EQ(tally.images(), 3);
  EXPECT_EQ(tally.not_finite(), 2);
  EXPECT_EQ(tally.right1(), 1);
  EXPECT_EQ(tally.right5(), 1);
  EXPECT_EQ(tally.acc1(), 1.0 / 3);
  EXPECT_EQ(tally.per_class()[0].images, 2);
  EXPECT_EQ(tally.per_class()[0].right1, 1);
  EXPECT_EQ(tally.per_class()[1].images, 1);
  EXPECT_THAT(tally.confusion(), UnorderedElementsAre(Pair(std::pair(0, 0), 1)));
}

TEST(Tally, NothingCounted) {
  const Tally tally(2);
  EXPECT_EQ(tally.images(), 0);
  EXPECT_EQ(tally.acc1(), 0);
  EXPECT_EQ(tally.acc5(), 0);
  EXPECT_EQ(tally.classes(), 2);
}

TEST(Tally, TheCommonestMistakeAndTheLowestOfEquals) {
  Tally tally(4);
  const auto answer = [](int index) {
    Logits logits(4, 0.0F);
    logits[static_cast<std::size_t>(index)] = 1;
    return logits;
  };
  for (const int index : {3, 1, 1, 3, 0, 0, 0}) tally.add(0, answer(index));
  for (const int index : {1, 2}) tally.add(1, answer(index));
  EXPECT_EQ(tally.per_class()[0].mistaken_for, 1);
  EXPECT_EQ(tally.per_class()[0].mistakes, 2);
  EXPECT_EQ(tally.per_class()[0].right1, 3);
  EXPECT_EQ(tally.per_class()[1].mistaken_for, 2);
  EXPECT_EQ(tally.per_class()[2].mistaken_for, -1);
  EXPECT_EQ(tally.per_class()[2].mistakes, 0);
  EXPECT_EQ(tally.confusion().at({0, 3}), 2);
}

// However pictures are divided, the parts add up to the whole; and a tally can be rebuilt from what it tells.
TEST(Tally, PartsAddUpAndAreRestored) {
  Tally whole(4), first(4), second(4);
  for (int i = 0; i < 60; ++i) {
    Logits logits = {static_cast<float>(i * 7 % 11), static_cast<float>(i * 5 % 13), static_cast<float>(i * 3 % 7), 1};
    if (i % 17 == 0) logits[2] = kNan;
    whole.add(i % 4, logits);
    (i < 23 ? first : second).add(i % 4, logits);
  }
  second.add(first);
  EXPECT_EQ(second, whole);

  const auto again = Tally::restored(whole.per_class(), whole.confusion());
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, whole);
}

TEST(Tally, CountsThatCannotBelongTogetherAreNotRestored) {
  Tally tally(2);
  tally.add(0, Logits{1, 0});
  tally.add(1, Logits{1, 0});
  tally.add(1, Logits{kNan, 0});
  const auto scores = tally.per_class();
  const auto with = [&](auto change) {
    auto changed = scores;
    auto confusion = tally.confusion();
    change(changed, confusion);
    return Tally::restored(changed, confusion);
  };
  EXPECT_TRUE(with([](auto&, auto&) {}));
  EXPECT_FALSE(with([](auto& s, auto&) { s[0].right1 = 0; }));
  EXPECT_FALSE(with([](auto& s, auto&) { s[1].right1 = 1; }));
  EXPECT_FALSE(with([](auto& s, auto&) { s[0].right5 = 0; }));
  EXPECT_FALSE(with([](auto& s, auto&) { s[1].right5 = 2; })) << "the one that is not finite cannot be right";
  EXPECT_FALSE(with([](auto& s, auto&) { s[0].images = 0; }));
  EXPECT_FALSE(with([](auto&, auto& c) { c[{0, 1}] = 1; }));
  EXPECT_FALSE(with([](auto&, auto& c) { c[{0, 1}] = -1; }));
  EXPECT_FALSE(with([](auto&, auto& c) { c[{2, 1}] = 1; }));
}

}  // namespace
}  // namespace smlp
