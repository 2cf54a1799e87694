// What the pictures that a budget is judged by are worth. Which products go back to bf16 is compared with NumPy's in
// tests/cli/int8_test.py.
#include "tasks/accuracy_budget.h"

#include <gmock/gmock.h>

#include "api/load.h"
#include "smlp/session.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"
#include "tasks/calibrate.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kNobody = [](std::int64_t, std::int64_t) {};

class AccuracyBudgetTest : public ::testing::Test {
 protected:
  AccuracyBudgetTest() {
    test::write_model(scratch_.folder() / "m.safetensors", test::small_config());
    exact_ = load_network(scratch_.folder() / "m.safetensors").value();
    for (int i = 0; i < 4; ++i) pictures_.push_back(photograph(i));
    in_int8_ = exact_;
    EXPECT_TRUE(calibrate(in_int8_, {.pictures = pictures_}, [](int, const BlockProduct&) { return true; }, kNobody));
  }

  Input photograph(int index) {
    const fs::path file = scratch_.folder() / fmt::format("photograph{}.png", index);
    test::write_png(file, 50, 60, static_cast<unsigned>(index));
    return {.file = file};
  }

  // The class that fp32 finds least likely: where it is wrong about all pictures, int8 has nothing to lose.
  int wrong_label(const Input& picture) {
    auto session = Session::create(Model(std::make_shared<const Network>(exact_)), {.threads = 1}).value();
    const Image image = picture.file;
    return session.classify(std::span(&image, 1), exact_.config.classes).front()->back().index;
  }

  Result<BudgetOutcome> keep_within(const AccuracyBudget& budget) {
    Network network = in_int8_;
    return smlp::keep_within(budget, exact_, network, kNobody);
  }

  test::Scratch scratch_;
  Network exact_, in_int8_;
  std::vector<Input> pictures_;
};

TEST_F(AccuracyBudgetTest, LessThanOnePictureIsWarnedOfAndOnePictureIsNot) {
  AccuracyBudget budget = {.pictures = pictures_};
  for (const Input& picture : pictures_) budget.labels.push_back(wrong_label(picture));
  for (const double points : {0.0, 25.0, 50.0}) {  // 0 asks for no worse answer, and gets that
    budget.points = points;
    EXPECT_THAT(keep_within(budget).value().warnings, IsEmpty()) << points;
  }
  budget.points = 24;
  EXPECT_THAT(keep_within(budget).value().warnings,
              ElementsAre("--max-drop 24 is judged by 4 pictures, of which one is 25 points: no answer may get worse; "
                          "give 5 pictures or more to --data"));
}

TEST_F(AccuracyBudgetTest, OnePictureThatCanBeReadIsEnough) {
  const Input broken = {.file = scratch_.write("broken.png", "no picture")};
  const auto judged = keep_within({.points = 100, .pictures = {broken, pictures_.front()}});
  ASSERT_TRUE(judged) << judged.error().message();
  EXPECT_THAT(judged->warnings,
              ElementsAre(AllOf(HasSubstr("1 of the 2 pictures that --max-drop is judged by could not be read"),
                                HasSubstr(broken.file.string()))));

  const auto none = keep_within({.points = 100, .pictures = {broken, broken}});
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message(),
              AllOf(HasSubstr("none of the 2 pictures that --max-drop is judged by can be read"),
                    HasSubstr(broken.file.string())));
}

// Places are compared by some of the pictures: every second one here, and those cannot be read.
TEST_F(AccuracyBudgetTest, ASampleThatCannotBeReadIsNoReasonToFail) {
  const Input broken = {.file = scratch_.write("broken.png", "no picture")};
  AccuracyBudget budget = {.points = -1000};  // holds with nothing
  for (int i = 0; i < 32; ++i) {
    budget.pictures.push_back(broken);
    budget.pictures.push_back(pictures_[static_cast<std::size_t>(i % 4)]);
  }
  EXPECT_THAT(keep_within(budget).error().message(), HasSubstr("does not hold with any product in int8"));
}

TEST_F(AccuracyBudgetTest, ProgressComesToItsEndAndNotBeyond) {
  std::vector<std::pair<std::int64_t, std::int64_t>> told;
  Network network = in_int8_;
  AccuracyBudget budget = {.points = -1000, .pictures = pictures_};  // every step there is
  EXPECT_FALSE(smlp::keep_within(budget, exact_, network,
                                 [&](std::int64_t done, std::int64_t all) { told.emplace_back(done, all); }));
  ASSERT_FALSE(told.empty());
  const std::int64_t all = told.front().second;
  for (const auto& [done, of] : told) {
    EXPECT_LE(done, of);
    EXPECT_EQ(of, all);
  }
  EXPECT_GE(told.back().first, all - 2 * std::ssize(pictures_)) << "the search may end a step or two early";
}

}  // namespace
}  // namespace smlp
