#include "smlp/session.h"

#include <gmock/gmock.h>

#include <cstring>
#include <thread>

#include "image/preprocess.h"
#include "smlp/model.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::HasSubstr;

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    test::write_model(file_, test::small_config(), 1);
    for (unsigned i = 0; i < 11; ++i) {
      pictures_.push_back(scratch_.folder() / (std::to_string(i) + ".png"));
      test::write_png(pictures_.back(), 40 + 9 * static_cast<int>(i), 90 - 5 * static_cast<int>(i), i);
    }
  }

  Model model() { return Model::load(file_).value(); }

  static std::vector<float> input(const Model& model, int count) {
    std::vector<float> values(static_cast<std::size_t>(count * 3 * model.image_size() * model.image_size()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 7919 % 1000) / 500 - 1;
    return values;
  }

  static std::vector<float> run(Session& session, std::span<const float> input, int count) {
    std::vector<float> logits(static_cast<std::size_t>(count * session.model().classes()));
    EXPECT_TRUE(session.run(input, count, logits));
    return logits;
  }

  test::Scratch scratch_;
  std::filesystem::path file_ = scratch_.folder() / "m.safetensors";
  std::vector<std::filesystem::path> pictures_;
};

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST_F(SessionTest, SameBitsForEveryBatchAndThreadCount) {
  const Model m = model();
  const auto pictures = input(m, 7);
  auto one = Session::create(m, {.threads = 1, .batch = 1});
  ASSERT_TRUE(one) << one.error().message();
  const auto expected = run(*one, pictures, 7);
  for (const int threads : {1, 2, 3}) {
    for (const int batch : {1, 2, 5, 8}) {
      auto session = Session::create(m, {.threads = threads, .batch = batch});
      ASSERT_TRUE(session);
      EXPECT_TRUE(same_bits(run(*session, pictures, 7), expected)) << threads << " threads, batch " << batch;
    }
  }
}

TEST_F(SessionTest, SameBitsInEveryModeAndPinned) {
  const Model m = model();
  const auto pictures = input(m, 7);
  auto plain = Session::create(m, {.threads = 1});
  ASSERT_TRUE(plain);
  const auto expected = run(*plain, pictures, 7);
  for (const char* mode : {"automatic", "throughput", "latency"}) {
    for (const bool pin : {false, true}) {
      auto session = Session::create(m, {.threads = 3, .batch = 4, .mode = mode, .pin = pin});
      ASSERT_TRUE(session) << session.error().message();
      EXPECT_TRUE(same_bits(run(*session, pictures, 7), expected)) << mode << pin;
      EXPECT_EQ(session->classify(pictures_, 1).size(), pictures_.size());
    }
  }
}

TEST_F(SessionTest, TwoSessionsOfOneModelRunInTwoThreads) {
  const Model m = model();
  const auto pictures = input(m, 4);
  auto alone = Session::create(m, {.threads = 2});
  ASSERT_TRUE(alone);
  const auto expected = run(*alone, pictures, 4);
  int equal[2] = {};
  std::vector<std::thread> threads;
  for (int& count : equal) {
    threads.emplace_back([&] {
      auto session = Session::create(m, {.threads = 2, .batch = 3});
      for (int i = 0; session && i < 20; ++i) count += same_bits(run(*session, pictures, 4), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal[0], 20);
  EXPECT_EQ(equal[1], 20);
}

TEST_F(SessionTest, ClassifyIsPreprocessingAndRun) {
  const Model m = model();
  auto session = Session::create(m, {.threads = 2, .batch = 2});
  ASSERT_TRUE(session);
  const auto answers = session->classify(pictures_, 1);
  ASSERT_EQ(answers.size(), pictures_.size());
  for (std::size_t i = 0; i < pictures_.size(); ++i) {
    std::vector<float> chw(3 * 32 * 32);
    ASSERT_TRUE(preprocess_file(pictures_[i], m.preprocess(), chw));
    const auto logits = run(*session, chw, 1);
    ASSERT_TRUE(answers[i]) << answers[i].error().message();
    EXPECT_EQ(answers[i]->front().index, std::ranges::max_element(logits) - logits.begin()) << i;
  }
}

TEST_F(SessionTest, ABrokenPictureFailsAlone) {
  auto session = Session::create(model(), {.threads = 2, .batch = 2});
  ASSERT_TRUE(session);
  const auto whole = session->classify(pictures_, 3);
  auto some = pictures_;
  some[0] = scratch_.write("text.jpg", "this is no picture");
  some[5] = scratch_.folder() / "missing.png";
  const auto answers = session->classify(some, 3);
  for (std::size_t i = 0; i < some.size(); ++i) {
    if (i == 0 || i == 5) {
      ASSERT_FALSE(answers[i]);
      EXPECT_EQ(answers[i].error().file, some[i].string());
    } else {
      ASSERT_TRUE(answers[i]);
      EXPECT_EQ(answers[i]->front().index, whole[i]->front().index);
      EXPECT_EQ(answers[i]->front().probability, whole[i]->front().probability);
    }
  }
}

TEST_F(SessionTest, ClassifyOfNothingIsNothing) {
  auto session = Session::create(model(), {.threads = 1});
  ASSERT_TRUE(session);
  EXPECT_TRUE(session->classify({}, 5).empty());
  EXPECT_EQ(session->classify(std::span(pictures_).first(1), 1000).front()->size(), 10U);
}

TEST_F(SessionTest, WrongSizesAndOptionsAreErrors) {
  const Model m = model();
  auto session = Session::create(m, {.threads = 1});
  ASSERT_TRUE(session);
  std::vector<float> logits(10);
  const auto one = input(m, 1);
  EXPECT_FALSE(session->run(std::span(one).first(100), 1, logits));
  EXPECT_FALSE(session->run(one, 1, std::span(logits).first(9)));
  EXPECT_FALSE(session->run(one, -1, logits));
  EXPECT_TRUE(session->run({}, 0, {}));
  EXPECT_FALSE(Session::create(m, {.batch = 0}));
  EXPECT_FALSE(Session::create(m, {.threads = -1}));
  EXPECT_THAT(Session::create(m, {.precision = "fp7"}).error().message(), HasSubstr("unknown precision 'fp7'"));
  EXPECT_THAT(Session::create(m, {.mode = "fast"}).error().message(), HasSubstr("throughput"));
  EXPECT_THAT(Session::create(m, {.isa = "avx9"}).error().message(), HasSubstr("avx9"));
}

TEST_F(SessionTest, AModelOfOtherPlanesTakesTensorsOnly) {
  Config grey = test::small_config();
  grey.in_channels = 1;
  const auto path = scratch_.folder() / "grey.safetensors";
  test::write_model(path, grey);
  auto session = Session::create(Model::load(path).value(), {.threads = 1});
  ASSERT_TRUE(session);
  const auto answers = session->classify(pictures_, 1);
  ASSERT_EQ(answers.size(), pictures_.size());
  EXPECT_THAT(answers[3].error().message(), HasSubstr("takes 1 planes"));
  EXPECT_EQ(answers[3].error().file, pictures_[3].string());
  EXPECT_EQ(run(*session, std::vector<float>(32 * 32), 1).size(), 10U);
}

}  // namespace
}  // namespace smlp
