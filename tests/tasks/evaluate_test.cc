#include "tasks/evaluate.h"

#include <gmock/gmock.h>

#include <limits>

#include "model/network.h"
#include "smlp/model.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

class EvaluateTest : public ::testing::Test {
 protected:
  EvaluateTest() {
    test::write_model(scratch_.folder() / "m.safetensors", test::small_config(6));
    for (unsigned i = 0; i < 24; ++i) {
      test::write_png(scratch_.folder() / "pool" / (std::to_string(i) + ".png"), 50 + static_cast<int>(i), 60, i);
    }
  }

  Session session(int threads = 2, int batch = 3) {
    return Session::create(Model::load(scratch_.folder() / "m.safetensors").value(),
                           {.threads = threads, .batch = batch})
        .value();
  }

  test::Scratch scratch_;
};

// The truth is made by asking the session itself, so that every count is known: picture i gets its own answer as
// label where i % 3 == 0, its second where i % 3 == 1, its sixth and last where i % 3 == 2.
TEST_F(EvaluateTest, CountsAreThoseOfTheAnswers) {
  Session s = session();
  Inputs data{.labels = {"0", "1", "2", "3", "4", "5"}};
  std::vector<int> expected_mistakes(6);
  for (int i = 0; i < 24; ++i) {
    const fs::path file = scratch_.folder() / "pool" / (std::to_string(i) + ".png");
    const Image image = file;
    const auto answer = s.classify(std::span(&image, 1), 6).front();
    ASSERT_TRUE(answer);
    const int label = (*answer)[i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : 5].index;
    expected_mistakes[static_cast<std::size_t>(label)] += i % 3 != 0;
    data.files.push_back({.file = file, .label = label});
  }
  data.files.push_back({.file = scratch_.write("broken.jpg", "no picture"), .label = 2});

  const int identity[] = {0, 1, 2, 3, 4, 5};
  std::vector<std::string> skipped;
  std::int64_t done = 0;
  const Evaluation result = evaluate(s, data, identity,
                                     {.progress = [&](std::int64_t n) { done = n; },
                                      .skipped = [&](const Error& e) { skipped.push_back(e.file); }})
                                .value();
  EXPECT_EQ(result.images, 24);
  EXPECT_EQ(result.right1, 8);
  EXPECT_EQ(result.right5, 16);
  EXPECT_EQ(result.skipped, 1);
  EXPECT_DOUBLE_EQ(result.acc1(), 8.0 / 24);
  EXPECT_THAT(skipped, ::testing::ElementsAre((scratch_.folder() / "broken.jpg").string()));
  EXPECT_EQ(done, 25);
  int images = 0;
  for (std::size_t c = 0; c < 6; ++c) {
    images += result.per_class[c].images;
    EXPECT_EQ(result.per_class[c].images - result.per_class[c].right1, expected_mistakes[c]);
    EXPECT_EQ(result.per_class[c].mistaken_for >= 0, expected_mistakes[c] > 0);
    EXPECT_NE(result.per_class[c].mistaken_for, static_cast<int>(c));
  }
  EXPECT_EQ(images, 24);

  Session other = session(1, 8);
  const Evaluation again = evaluate(other, data, identity, {}).value();
  EXPECT_EQ(again.right1, result.right1);
  EXPECT_EQ(again.right5, result.right5);
}

TEST_F(EvaluateTest, FoldersAreTranslatedToClasses) {
  Session s = session();
  const fs::path file = scratch_.folder() / "pool/0.png";
  const Image image = file;
  const int answer = s.classify(std::span(&image, 1), 1).front()->front().index;
  const Inputs data{.files = {{.file = file, .label = 0}}, .labels = {"only"}};
  EXPECT_EQ(evaluate(s, data, std::vector<int>{answer}, {})->right1, 1);
  EXPECT_EQ(evaluate(s, data, std::vector<int>{(answer + 1) % 6}, {})->right1, 0);
}

// As postprocess counts them: the network was asked, and gave no answer.
TEST_F(EvaluateTest, LogitsThatAreNotFiniteCountAsWrong) {
  const Model good = Model::load(scratch_.folder() / "m.safetensors").value();
  Network broken = *good.network();
  broken.head.bias[0] = std::numeric_limits<float>::quiet_NaN();
  Session s = Session::create(Model(std::make_shared<const Network>(broken)), {.threads = 1}).value();
  const Inputs data{.files = {{.file = scratch_.folder() / "pool" / "0.png", .label = 0},
                              {.file = scratch_.folder() / "pool" / "1.png", .label = 3}},
                    .labels = {"0", "1", "2", "3", "4", "5"}};
  const int identity[] = {0, 1, 2, 3, 4, 5};
  const Evaluation result = evaluate(s, data, identity, {}).value();
  EXPECT_EQ(result.images, 2);
  EXPECT_EQ(result.not_finite, 2);
  EXPECT_EQ(result.skipped, 0);
  EXPECT_EQ(result.right1, 0);
  EXPECT_EQ(result.right5, 0);
}

}  // namespace
}  // namespace smlp
