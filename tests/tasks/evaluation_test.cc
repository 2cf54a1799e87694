// Evaluations as JSON, and their parts joined. What is expected of a whole is counted here, picture by picture.
#include "tasks/evaluation.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/scratch.h"
#include "tasks/evaluation_files.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

constexpr int kPictures = 100;

class EvaluationTest : public ::testing::Test {
 protected:
  // Picture i is of class i / 34, answered as i % 3 among 4 classes; every 10th cannot be read, every 11th is not
  // finite.
  static Evaluation evaluation(Shard shard) {
    Evaluation e{.provenance = {.version = "0.1.0",
                                .commit = "abc",
                                .model = "m.smlp",
                                .model_sha256 = std::string(64, 'a'),
                                .precision = "fp32",
                                .isa = "avx2",
                                .threads = 2,
                                .preprocess = "resize 32",
                                .inputs_sha256 = std::string(64, 'b'),
                                .label_rule = "name"},
                 .classes = {{0, "a", "ant"}, {1, "b", "bee"}, {2, "c", "cat"}},
                 .model_classes = {.names = {"ant", "bee", "cat", "dog"}},
                 .listed = kPictures,
                 .shard = shard,
                 .tally = Tally(4),
                 .seconds = 1.5};
    const Shard::Range range = shard.of(kPictures);
    for (std::uint64_t i = range.first; i < range.last; ++i) {
      if (i % 10 == 0) {
        ++e.skipped;
        continue;
      }
      const int label = static_cast<int>(i / 34), answer = static_cast<int>(i % 3);
      e.tally.add(label, i % 11 == 0
                             ? std::nullopt
                             : std::optional(Standing{.rank = label == answer ? 0 : 1 + answer, .answer = answer}));
      e.latency.add(1000 * (i + 1));
    }
    return e;
  }

  EvaluationPart part(std::uint64_t index, std::uint64_t count) {
    return {.file = fmt::format("part{}.json", index), .evaluation = evaluation({.index = index, .count = count})};
  }

  std::vector<EvaluationPart> parts(std::uint64_t count) {
    std::vector<EvaluationPart> out;
    for (std::uint64_t i = count; i >= 1; --i) out.push_back(part(i, count));
    return out;
  }

  static std::string refusal(std::vector<EvaluationPart> parts) {
    const auto merged = merge_evaluations(std::move(parts));
    return merged ? "merged" : merged.error().message();
  }

  test::Scratch scratch_;
};

TEST_F(EvaluationTest, MergedPartsAreTheWholeToTheLastDigit) {
  const Evaluation whole = evaluation({});
  const std::string confusion = confusion_csv(whole.tally, whole.model_classes);
  for (const std::uint64_t count : {1, 2, 3, 7, 100, 130}) {
    const auto merged = merge_evaluations(parts(count));
    ASSERT_TRUE(merged) << merged.error().message();
    Json a = evaluation_json(whole), b = evaluation_json(*merged);
    EXPECT_DOUBLE_EQ(b["seconds"], 1.5 * static_cast<double>(count));
    for (Json* json : {&a, &b}) json->erase("seconds"), json->erase("images_per_second");
    EXPECT_EQ(a.dump(), b.dump()) << count;
    EXPECT_EQ(confusion_csv(merged->tally, merged->model_classes), confusion);
  }
}

TEST_F(EvaluationTest, IsReadBackAsItWasWritten) {
  const Evaluation e = evaluation({.index = 2, .count = 3});
  const fs::path file = scratch_.write("part.json", evaluation_json(e).dump() + "\n");
  const auto again = read_evaluation(file);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(evaluation_json(*again).dump(), evaluation_json(e).dump());
  EXPECT_EQ(again->tally, e.tally);
  EXPECT_EQ(again->provenance, e.provenance);
}

TEST_F(EvaluationTest, WhatIsNoEvaluationIsRefused) {
  const Json good = evaluation_json(evaluation({.index = 1, .count = 2}));
  const auto with = [&](const char* pointer, const Json& value) {
    Json changed = good;
    changed[Json::json_pointer(pointer)] = value;
    return changed.dump();
  };
  for (const std::string& text : {std::string(),
                                  std::string("{}"),
                                  std::string("[]"),
                                  std::string("acc@1:0.9"),
                                  with("/smlp_evaluation", 2),
                                  with("/images", 3),
                                  with("/right1", 0),
                                  with("/not_finite", 9),
                                  with("/per_class/0/right1", 5),
                                  with("/per_class/0/index", 9),
                                  with("/per_class/0/index", -1),
                                  with("/confusion/0/2", -5),
                                  with("/confusion/0/2", 1e30),
                                  with("/model_classes", 2'000'000'000),
                                  with("/shard/index", 0),
                                  with("/shard/index", 3),
                                  with("/provenance", Json()),
                                  with("/latency_ms/histogram_ns/min", 0),
                                  with("/latency_ms/histogram_ns/buckets/0/0", -4),
                                  with("/class_names", Json::array({"one"}))}) {
    const fs::path file = scratch_.write("bad.json", text);
    const auto got = read_evaluation(file);
    EXPECT_FALSE(got) << text.substr(0, 100);
    EXPECT_THAT(got ? "" : got.error().message(), HasSubstr("bad.json"));
  }
}

TEST_F(EvaluationTest, PartsThatOverlapOrMissAreNamed) {
  EXPECT_THAT(refusal({part(1, 3), part(2, 3)}), HasSubstr("1 of 3 parts missing: 3/3"));
  EXPECT_THAT(refusal({part(1, 3), part(2, 3), part(2, 3), part(3, 3)}), HasSubstr("part2.json: is part 2/3"));
  EXPECT_THAT(refusal({part(1, 2), part(2, 3)}), HasSubstr("number of parts (2, 3)"));
  auto incomplete = parts(2);
  incomplete[1].evaluation.skipped -= 1;
  EXPECT_THAT(refusal(incomplete), HasSubstr("part1.json: is not complete: 49 of 50 pictures"));
}

TEST_F(EvaluationTest, PartsOfAnotherWholeAreNamedWithWhatDiffers) {
  const auto changed = [&](auto change) {
    auto all = parts(2);
    change(all[1].evaluation);
    return refusal(all);
  };
  EXPECT_THAT(changed([](Evaluation& e) { e.provenance.model_sha256 = "c"; }), HasSubstr("differ in model"));
  EXPECT_THAT(changed([](Evaluation& e) { e.provenance.inputs_sha256 = "c"; }), HasSubstr("differ in inputs"));
  EXPECT_THAT(changed([](Evaluation& e) { e.provenance.commit = "def"; }),
              HasSubstr("version of smlp (0.1.0+abc, 0.1.0+def)"));
  EXPECT_THAT(changed([](Evaluation& e) { e.provenance.precision = "bf16"; }), HasSubstr("precision (fp32, bf16)"));
  EXPECT_THAT(changed([](Evaluation& e) { e.provenance.isa = "sse4"; }), HasSubstr("instruction set (avx2, sse4)"));
  EXPECT_THAT(changed([](Evaluation& e) { e.provenance.preprocess = "x"; }), HasSubstr("preprocessing"));
  EXPECT_THAT(changed([](Evaluation& e) { e.provenance.label_rule = "wnid"; }), HasSubstr("labels (name, wnid)"));
  EXPECT_THAT(changed([](Evaluation& e) { e.classes[1].name = "wasp"; }), HasSubstr("classes"));
  EXPECT_THAT(changed([](Evaluation& e) { e.listed = 99; }), HasSubstr("pictures of all parts (100, 99)"));
  // Where the model's file lies and how many threads there were changes nothing.
  EXPECT_EQ(changed([](Evaluation& e) {
              e.provenance.model = "/elsewhere/m.smlp";
              e.provenance.threads = 64;
            }),
            "merged");
}

TEST_F(EvaluationTest, TheConfusionIsASquareOfCounts) {
  Tally tally(3);
  tally.add(0, Standing{.rank = 0, .answer = 0});
  tally.add(0, Standing{.rank = 2, .answer = 2});
  tally.add(2, Standing{.rank = 1, .answer = 1});
  const ClassList list = {.names = {"ant, \"x\"", "bee", "cat"}};
  EXPECT_EQ(confusion_csv(tally, list),
            "label\\answer,\"ant, \"\"x\"\"\",bee,cat\n\"ant, \"\"x\"\"\",1,0,1\nbee,0,0,0\ncat,0,1,0\n");
  tally.add(1, std::nullopt);
  EXPECT_THAT(confusion_csv(tally, {}), HasSubstr("class 2,not finite\n"));
  EXPECT_THAT(confusion_csv(tally, {}), HasSubstr("class 1,0,0,0,1\n"));
}

}  // namespace
}  // namespace smlp
