#include "smlp/session.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "base/open_file.h"
#include "engine/engine.h"
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
      files_.push_back(scratch_.folder() / (std::to_string(i) + ".png"));
      pictures_.push_back(files_.back());
      test::write_png(files_.back(), 40 + 9 * static_cast<int>(i), 90 - 5 * static_cast<int>(i), i);
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
  std::vector<std::filesystem::path> files_;
  std::vector<Image> pictures_;
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
  for (const Mode mode : {Mode::automatic, Mode::throughput, Mode::latency}) {
    for (const bool pin : {false, true}) {
      auto session = Session::create(m, {.threads = 3, .batch = 4, .mode = mode, .pin = pin});
      ASSERT_TRUE(session) << session.error().message();
      EXPECT_TRUE(same_bits(run(*session, pictures, 7), expected)) << mode_name(mode) << pin;
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
    ASSERT_TRUE(preprocess_file(files_[i], m.preprocessing(), chw));
    const auto logits = run(*session, chw, 1);
    ASSERT_TRUE(answers[i]) << answers[i].error().message();
    EXPECT_EQ(answers[i]->front().index, std::ranges::max_element(logits) - logits.begin()) << i;
  }
}

TEST_F(SessionTest, ABrokenPictureFailsAlone) {
  auto session = Session::create(model(), {.threads = 2, .batch = 2});
  ASSERT_TRUE(session);
  const auto whole = session->classify(pictures_, 3);
  auto files = files_;
  files[0] = scratch_.write("text.jpg", "this is no picture");
  files[5] = scratch_.folder() / "missing.png";
  const std::vector<Image> some(files.begin(), files.end());
  const auto answers = session->classify(some, 3);
  for (std::size_t i = 0; i < some.size(); ++i) {
    if (i == 0 || i == 5) {
      ASSERT_FALSE(answers[i]);
      EXPECT_EQ(answers[i].error().file, files[i].string());
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
  EXPECT_FALSE(session->run({}, -1, {}));
  EXPECT_FALSE(session->run({}, 0, logits));
  EXPECT_FALSE(session->run(one, 0, {}));
  EXPECT_TRUE(session->run({}, 0, {}));
  EXPECT_FALSE(Session::create(m, {.batch = 0}));
  EXPECT_FALSE(Session::create(m, {.threads = -1}));
  EXPECT_THAT(Session::create(m, {.batch = 65537}).error().message(), HasSubstr("a batch of 65537 pictures"));
  EXPECT_THAT(Session::create(m, {.batch = 1 << 30}).error().message(), HasSubstr("1 to 65536 are possible"));
  EXPECT_EQ(find_precision("fp7"), nullptr);
  EXPECT_EQ(*find_precision("bf16"), Precision::bf16);
  EXPECT_EQ(find_mode("fast"), nullptr);
  EXPECT_EQ(mode_name(*find_mode("latency")), "latency");
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
  EXPECT_EQ(answers[3].error().file, files_[3].string());
  EXPECT_EQ(run(*session, std::vector<float>(32 * 32), 1).size(), 10U);
}

// The oracle is preprocess_file(), which tests/image holds against Pillow, and the pass of prepared tensors.
TEST_F(SessionTest, PathsBytesAndPixelsGiveTheSameBits) {
  const Model m = model();
  auto session = Session::create(m, {.threads = 2, .batch = 3});
  ASSERT_TRUE(session);
  std::vector<std::string> bytes;
  std::vector<Picture> decoded;
  std::vector<std::vector<std::uint8_t>> padded;
  for (const auto& file : files_) {
    bytes.push_back(read_text(file, 1 << 20).value());
    decoded.push_back(decode_file(file).value());
    const Picture& p = decoded.back();
    // Rows of 5 bytes more than pixels, from bottom to top.
    const std::size_t row = 3 * static_cast<std::size_t>(p.width), stride = row + 5;
    padded.emplace_back(stride * static_cast<std::size_t>(p.height), std::uint8_t{77});
    for (int y = 0; y < p.height; ++y) {
      const std::size_t from = static_cast<std::size_t>(y) * row;
      std::copy_n(p.rgb.begin() + static_cast<std::ptrdiff_t>(from), row,
                  padded.back().begin() + static_cast<std::ptrdiff_t>(stride) * (p.height - 1 - y));
    }
  }
  std::vector<Image> encoded, pixels, upside_down;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const Picture& p = decoded[i];
    const std::ptrdiff_t row = 3 * std::ptrdiff_t{p.width};
    encoded.emplace_back(std::as_bytes(std::span(bytes[i])));
    pixels.emplace_back(RgbView{p.rgb.data(), p.width, p.height, row});
    upside_down.emplace_back(RgbView{padded[i].data() + (row + 5) * (p.height - 1), p.width, p.height, -(row + 5)});
  }
  for (std::size_t i = 0; i < files_.size(); ++i) {
    std::vector<float> chw(3 * 32 * 32), got(chw.size());
    ASSERT_TRUE(preprocess_file(files_[i], m.preprocessing(), chw));
    const auto expected = run(*session, chw, 1);
    for (const auto* images : {&pictures_, &encoded, &pixels, &upside_down}) {
      ASSERT_TRUE(m.preprocess((*images)[i], got));
      EXPECT_TRUE(same_bits(got, chw)) << i;
    }
    const std::vector<Image> mixed = {pictures_[i], encoded[i], pixels[i], upside_down[i]};
    for (const auto& logits : session->run(mixed)) {
      ASSERT_TRUE(logits) << logits.error().message();
      EXPECT_TRUE(same_bits(*logits, expected)) << i;
    }
  }
}

TEST_F(SessionTest, PixelsThatCannotBeAreRefused) {
  const Model m = model();
  std::vector<float> chw(3 * 32 * 32);
  const std::vector<std::uint8_t> rgb(3 * 10 * 10);
  EXPECT_TRUE(m.preprocess(RgbView{rgb.data(), 10, 10, 30}, chw));
  EXPECT_THAT(m.preprocess(RgbView{rgb.data(), 10, 10, 29}, chw).error().message(), HasSubstr("stride of 29"));
  EXPECT_FALSE(m.preprocess(RgbView{nullptr, 10, 10, 30}, chw));
  EXPECT_FALSE(m.preprocess(RgbView{rgb.data(), 0, 10, 30}, chw));
  EXPECT_FALSE(m.preprocess(RgbView{rgb.data(), 10, -1, 30}, chw));
  EXPECT_FALSE(m.preprocess(RgbView{rgb.data(), 2'000'000'000, 2'000'000'000, 6'000'000'000}, chw));
  EXPECT_FALSE(m.preprocess(RgbView{rgb.data(), 10, 10, 30}, std::span(chw).first(7)));
  EXPECT_THAT(m.preprocess(std::filesystem::path("missing.jpg"), chw).error().message(), HasSubstr("missing.jpg"));
}

TEST_F(SessionTest, SessionsOfOneModelShareTheirWeights) {
  const Model m = model();
  const Model copy = m;
  auto one = Session::create(m, {.threads = 1, .precision = Precision::fp32});
  auto two = Session::create(copy, {.threads = 2, .batch = 1, .precision = Precision::fp32});
  auto reference = Session::create(m, {.threads = 1, .precision = Precision::fp32, .isa = "reference"});
  auto again = Session::create(model(), {.threads = 1, .precision = Precision::fp32});
  ASSERT_TRUE(one && two && reference && again);
  EXPECT_EQ(&one->engine().packed(), &two->engine().packed());
  EXPECT_NE(&one->engine().packed(), &reference->engine().packed());
  EXPECT_NE(&one->engine().packed(), &again->engine().packed());
}

TEST_F(SessionTest, SessionsMadeAndDroppedByManyThreadsShareSafely) {
  const Model m = model();
  const auto picture = input(m, 1);
  auto first = Session::create(m, {.threads = 1});
  ASSERT_TRUE(first);
  const auto expected = run(*first, picture, 1);
  *first = std::move(*Session::create(model(), {.threads = 1}));  // nobody holds the weights of `m` now
  std::atomic<int> equal = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        auto session = Session::create(m, {.threads = 1, .batch = 1});
        if (session && same_bits(run(*session, picture, 1), expected)) ++equal;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, 40);
}

}  // namespace
}  // namespace smlp
