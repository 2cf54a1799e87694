#include "tasks/evaluate.h"

#include <gmock/gmock.h>

#include <limits>

#include "data/inputs.h"
#include "model/network.h"
#include "smlp/model.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"
#include "tasks/input_source.h"

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

  // class_of_label gives the class of each of data.labels.
  static Result<Evaluation> evaluate(Session& session, const Inputs& data, std::span<const int> class_of_label,
                                     const EvaluationWatch& watch, const EvaluateOptions& options = {}) {
    std::vector<int> labels;
    for (const Input& input : data.files) labels.push_back(class_of_label[static_cast<std::size_t>(input.label)]);
    InputSource source(data.files, input_spec(session.model()));
    return smlp::evaluate(session, {.source = source, .labels = labels}, options, watch);
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
                                     {.progress = [&](std::int64_t n, std::int64_t) { done = n; },
                                      .skipped = [&](const Error& e) { skipped.push_back(e.file); }})
                                .value();
  EXPECT_EQ(result.images(), 24);
  EXPECT_EQ(result.tally.right1(), 8);
  EXPECT_EQ(result.tally.right5(), 16);
  EXPECT_EQ(result.skipped, 1);
  EXPECT_DOUBLE_EQ(result.tally.acc1(), 8.0 / 24);
  EXPECT_THAT(skipped, ::testing::ElementsAre((scratch_.folder() / "broken.jpg").string()));
  EXPECT_EQ(done, 25);
  int images = 0;
  const std::vector<ClassScore> per_class = result.tally.per_class();
  for (std::size_t c = 0; c < 6; ++c) {
    images += per_class[c].images;
    EXPECT_EQ(per_class[c].images - per_class[c].right1, expected_mistakes[c]);
    EXPECT_EQ(per_class[c].mistaken_for >= 0, expected_mistakes[c] > 0);
    EXPECT_NE(per_class[c].mistaken_for, static_cast<int>(c));
  }
  EXPECT_EQ(images, 24);

  Session other = session(1, 8);
  const Evaluation again = evaluate(other, data, identity, {}).value();
  EXPECT_EQ(again.tally, result.tally);
}

TEST_F(EvaluateTest, FoldersAreTranslatedToClasses) {
  Session s = session();
  const fs::path file = scratch_.folder() / "pool/0.png";
  const Image image = file;
  const int answer = s.classify(std::span(&image, 1), 1).front()->front().index;
  const Inputs data{.files = {{.file = file, .label = 0}}, .labels = {"only"}};
  EXPECT_EQ(evaluate(s, data, std::vector<int>{answer}, {})->tally.right1(), 1);
  EXPECT_EQ(evaluate(s, data, std::vector<int>{(answer + 1) % 6}, {})->tally.right1(), 0);
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
  EXPECT_EQ(result.images(), 2);
  EXPECT_EQ(result.tally.not_finite(), 2);
  EXPECT_EQ(result.skipped, 0);
  EXPECT_EQ(result.tally.right1(), 0);
  EXPECT_EQ(result.tally.right5(), 0);

  // Where each outcome is kept they are counted alike, when they are found and when a later run reads them.
  const EvaluateOptions options = {
      .journal = scratch_.folder() / "journal", .resume = true, .identity = {.classes = 6}};
  for (const std::int64_t resumed : {0, 2}) {
    const auto kept = evaluate(s, data, identity, {}, options);
    ASSERT_TRUE(kept) << kept.error().message();
    EXPECT_EQ(kept->tally, result.tally);
    EXPECT_EQ(kept->resumed, resumed);
  }
}

// The parts together are the whole, and a run that is stopped anywhere goes on to the same counts.
TEST_F(EvaluateTest, PartsAndInterruptedRunsComeToTheSame) {
  Session s = session();
  Inputs data{.labels = {"0", "1", "2"}};
  for (int i = 0; i < 24; ++i) {
    data.files.push_back({.file = scratch_.folder() / "pool" / (std::to_string(i) + ".png"), .label = i / 8});
  }
  data.files.insert(data.files.begin() + 5, {.file = scratch_.write("broken.jpg", "no picture"), .label = 1});
  const int classes[] = {1, 3, 5};
  const Evaluation whole = evaluate(s, data, classes, {}).value();
  ASSERT_EQ(whole.images(), 24);

  Tally sum(6);
  std::int64_t skipped = 0;
  for (std::uint64_t k = 1; k <= 7; ++k) {
    const auto part = evaluate(s, data, classes, {}, {.shard = {.index = k, .count = 7}});
    ASSERT_TRUE(part);
    EXPECT_EQ(part->listed, 25U);
    sum.add(part->tally);
    skipped += part->skipped;
  }
  EXPECT_EQ(sum, whole.tally);
  EXPECT_EQ(skipped, whole.skipped);

  EvaluateOptions options = {
      .journal = scratch_.folder() / "journal", .resume = true, .identity = {.program = "1", .classes = 6}};
  ASSERT_TRUE(evaluate(s, data, classes, {}, options));
  const auto bytes = fs::file_size(options.journal);
  for (std::uintmax_t cut = bytes; cut > 0; cut = cut > 40 ? cut - 37 : 0) {
    fs::resize_file(options.journal, std::max<std::uintmax_t>(cut, 260));
    int errors = 0;
    Session other = session(1 + static_cast<int>(cut % 2), 1 + static_cast<int>(cut % 4));
    const auto again =
        evaluate(other, data, classes, {.progress = {}, .skipped = [&](const Error&) { ++errors; }}, options);
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(again->tally, whole.tally);
    EXPECT_EQ(again->skipped, 1);
    EXPECT_EQ(again->latency.count(), 24U);
    EXPECT_EQ(errors, 1) << "each picture that could not be read is named in every run";
    if (cut <= 260) break;
  }
}

TEST_F(EvaluateTest, AJournalOfAnotherRunIsRefused) {
  Session s = session();
  const Inputs data{.files = {{.file = scratch_.folder() / "pool/0.png", .label = 0}}, .labels = {"0"}};
  const int classes[] = {1};
  EvaluateOptions options = {.journal = scratch_.folder() / "journal",
                             .identity = {.program = "1", .isa = "avx2", .classes = 6}};
  ASSERT_TRUE(evaluate(s, data, classes, {}, options));
  EXPECT_THAT(evaluate(s, data, classes, {}, options).error().message(), ::testing::HasSubstr("--resume"));
  options.resume = true;
  EXPECT_TRUE(evaluate(s, data, classes, {}, options));
  options.identity.isa = "avx512";
  EXPECT_THAT(evaluate(s, data, classes, {}, options).error().message(),
              ::testing::HasSubstr("differs in instruction set (avx2 there, avx512 now)"));
  options.force = true;
  EXPECT_EQ(evaluate(s, data, classes, {}, options)->resumed, 0);
  options = {.journal = scratch_.write("notes", "of somebody else\n"), .force = true};
  EXPECT_FALSE(evaluate(s, data, classes, {}, options)) << "--force replaces journals only";
}

}  // namespace
}  // namespace smlp
