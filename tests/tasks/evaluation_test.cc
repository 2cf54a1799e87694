// Evaluations as JSON, and their parts joined. What is expected of a whole is counted here, picture by picture.
#include "tasks/evaluation.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/scratch.h"
#include "tasks/evaluation_files.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
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
  const std::pair<std::string, const char*> cases[] = {
      {"", "JSON"},
      {"{}", "it lacks 'smlp_evaluation'"},
      {"[]", ""},
      {"acc@1:0.9", "JSON"},
      {with("/smlp_evaluation", 2), "another version wrote it"},
      {with("/images", 3), "'images' is not what follows from the rest"},
      {with("/right1", 0), "'right1' is not what follows"},
      {with("/not_finite", 9), "'not_finite' is not what follows"},
      {with("/acc5", 0.5), "'acc5' is not what follows"},
      {with("/per_class/0/right1", 5), "counts that cannot belong together"},
      {with("/per_class/0/mistakes", 77), "'per_class' is not what follows"},
      {with("/per_class/0/index", 4), "a class beyond those of the model"},
      {with("/per_class/0/index", -1), "a class beyond those of the model"},
      {with("/confusion/0/2", -5), "counts that cannot belong together"},
      {with("/confusion/0/2", 1e30), "a whole number was expected"},
      {with("/confusion/1", good["confusion"][0]), "a cell given twice"},
      {with("/model_classes", 0), "a number of classes that no model has"},
      {with("/model_classes", kMostClasses + 1), "a number of classes that no model has"},
      {with("/shard/index", 0), "a part that is none"},
      {with("/shard/index", 3), "a part that is none"},
      {with("/shard/count", 1'000'001), "a part that is none"},
      {with("/shard/pictures", 51), "'shard' is not what follows"},
      {with("/provenance", Json()), ""},
      {with("/latency_ms/histogram_ns/min", 0), "times that cannot belong together"},
      {with("/latency_ms/histogram_ns/buckets/0/0", -4), "times that cannot belong together"},
      {with("/latency_ms/histogram_ns/buckets/0/1", 2), "counts that contradict each other"},
      {with("/skipped", -1), "counts that contradict each other"},
      {with("/skipped", 1'000'000'000'001), "counts that contradict each other"},
      {with("/resumed", -1), "counts that contradict each other"},
      {with("/resumed", 51), "counts that contradict each other"},
      {with("/seconds", -0.5), "counts that contradict each other"},
      {with("/class_names", Json::array({"one"})), "as many class names as classes were expected"}};
  for (const auto& [text, words] : cases) {
    const auto got = read_evaluation(scratch_.write("bad.json", text));
    EXPECT_THAT(got ? "read" : got.error().message(),
                AllOf(HasSubstr("bad.json: is no evaluation: "), HasSubstr(words)))
        << text.substr(0, 100);
  }
}

// A part of an empty list, a run that had nothing left to do, a model without names.
TEST_F(EvaluationTest, CountsAtTheirLimitsAreRead) {
  Evaluation e = evaluation({.index = 1, .count = 2});
  e.model_classes.names.clear();
  e.resumed = e.images() + e.skipped;
  const auto reads = [&] {
    return read_evaluation(scratch_.write("part.json", evaluation_json(e).dump())).has_value();
  };
  EXPECT_TRUE(reads());
  EXPECT_EQ(e.images_per_second(), 0);
  e.seconds = 0;
  EXPECT_TRUE(reads());
  e.resumed = 20;
  EXPECT_EQ(e.images_per_second(), 0) << "no time has passed";
  e.seconds = 2;
  EXPECT_EQ(e.images_per_second(), 15) << "of 50 pictures 20 are of an earlier run";
  EXPECT_TRUE(reads());
  e = {.provenance = e.provenance, .tally = Tally(1)};
  e.shard = {.index = 1'000'000, .count = 1'000'000};
  EXPECT_TRUE(reads());
  EXPECT_TRUE(evaluation_json(e)["acc1"].is_null());
}

// Other processors round a quotient in another way; other writers order keys in another way.
TEST_F(EvaluationTest, TheLastDigitsOfAQuotientAndTheOrderOfKeysAreFree) {
  const Json good = evaluation_json(evaluation({.index = 1, .count = 2}));
  const auto read_with_acc1 = [&](double factor) {
    Json changed = good;
    changed["acc1"] = good["acc1"].get<double>() * factor;
    return read_evaluation(scratch_.write("part.json", changed.dump())).has_value();
  };
  EXPECT_TRUE(read_with_acc1(1 + 1e-14));
  EXPECT_TRUE(read_with_acc1(1 - 1e-14));
  EXPECT_FALSE(read_with_acc1(1 + 1e-9));
  EXPECT_FALSE(read_with_acc1(1 - 1e-9));
  EXPECT_FALSE(read_with_acc1(-1));
  const std::string sorted = nlohmann::json::parse(good.dump()).dump();
  EXPECT_TRUE(read_evaluation(scratch_.write("part.json", sorted)));
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
  EXPECT_THAT(changed([](Evaluation& e) { e.classes[1].folder = "w"; }), HasSubstr("classes"));
  EXPECT_THAT(changed([](Evaluation& e) { e.classes[1].index = 3; }), HasSubstr("classes"));
  EXPECT_THAT(changed([](Evaluation& e) { e.model_classes.names[3] = "elk"; }), HasSubstr("classes"));
  EXPECT_THAT(changed([](Evaluation& e) { e.tally = Tally(5); }), HasSubstr("classes"));
  EXPECT_THAT(changed([](Evaluation& e) { e.label_source = "list"; }), HasSubstr("source of the labels (, list)"));
  EXPECT_THAT(changed([](Evaluation& e) { e.listed = 99; }), HasSubstr("pictures of all parts (100, 99)"));
  // Where the model's file lies and how many threads there were changes nothing.
  EXPECT_EQ(changed([](Evaluation& e) {
              e.provenance.model = "/elsewhere/m.smlp";
              e.provenance.threads = 64;
            }),
            "merged");
}

// The whole says what holds for all of its parts.
TEST_F(EvaluationTest, AMergedWholeSumsTimesAndKeepsWhatItsPartsHaveInCommon) {
  auto all = parts(2);
  EXPECT_EQ(merge_evaluations(all)->provenance, all[0].evaluation.provenance);
  all[0].evaluation.resumed = 3;
  all[1].evaluation.resumed = 4;
  all[1].evaluation.seconds = 0.25;
  all[1].evaluation.provenance.threads = 64;
  all[1].evaluation.provenance.model = "/elsewhere/m.smlp";
  const Evaluation whole = merge_evaluations(all).value();
  EXPECT_EQ(whole.resumed, 7);
  EXPECT_EQ(whole.seconds, 1.75);
  EXPECT_EQ(whole.skipped, 10);
  EXPECT_EQ(whole.provenance.threads, 0);
  EXPECT_EQ(whole.provenance.model, "");
  EXPECT_TRUE(whole.shard.is_whole());
  EXPECT_EQ(refusal({}), "no parts to merge");
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
