// What people are told of an evaluation.
#include "cli/evaluation_text.h"

#include <gmock/gmock.h>

#include "cli/console.h"

namespace smlp::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Shown {
  Exit exit;
  std::string out, err;
};

Shown show(const Evaluation& evaluation, EvaluationView view = {}) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const Exit exit = show_evaluation(evaluation, view);
  flush_output();
  std::string out = ::testing::internal::GetCapturedStdout();
  return {exit, std::move(out), ::testing::internal::GetCapturedStderr()};
}

// `right` of `images` pictures are right at once, the others at the second try.
Evaluation evaluation(int classes, int images, int right) {
  Evaluation e{.tally = Tally(classes)};
  for (int i = 0; i < images; ++i) e.tally.add(0, Standing{.rank = i < right ? 0 : 1, .answer = i < right ? 0 : 1});
  e.listed = static_cast<std::uint64_t>(images);
  e.seconds = 2;
  e.provenance.label_rule = "name";
  e.classes = {{0, "a", "ant"}};
  return e;
}

TEST(EvaluationText, TheGuidesLineComesFirst) {
  const Shown shown = show(evaluation(10, 8, 6));
  EXPECT_EQ(shown.exit, exit_ok);
  EXPECT_TRUE(shown.out.starts_with("acc@1:0.7500, acc@5:1.0000\n95 % interval: acc@1 0.4093 to 0.9285,")) << shown.out;
  EXPECT_THAT(shown.out, HasSubstr("\n8 pictures in 2.0 s, 4.0 pictures/s with decoding\n"));
  EXPECT_THAT(shown.out, Not(HasSubstr("part ")));
  EXPECT_EQ(shown.err, "");
}

TEST(EvaluationText, NoPicturesHaveNoAccuracy) {
  const Shown shown = show(evaluation(10, 0, 0));
  EXPECT_TRUE(shown.out.starts_with("no pictures, so no accuracy\n")) << shown.out;
  EXPECT_THAT(shown.out, Not(HasSubstr("acc@1")));
}

TEST(EvaluationText, FiveOfFiveClassesSayNothing) {
  EXPECT_THAT(show(evaluation(5, 8, 6)).out, HasSubstr("acc@5 says nothing here: the model has 5 classes\n"));
  EXPECT_THAT(show(evaluation(6, 8, 6)).out, Not(HasSubstr("says nothing")));
}

TEST(EvaluationText, SkippedPicturesAndEarlierRunsAreSaid) {
  Evaluation e = evaluation(10, 8, 6);
  e.resumed = 3;
  EXPECT_THAT(show(e).out, HasSubstr("2.5 pictures/s with decoding; 3 of an earlier run\n"));
  e.skipped = 1;
  const Shown shown = show(e);
  EXPECT_THAT(shown.out, HasSubstr("3.0 pictures/s with decoding; 1 skipped; 3 of an earlier run\n"));
  EXPECT_EQ(shown.exit, exit_bad_input);
  EXPECT_EQ(shown.err, "smlp: error: 1 of 9 pictures could not be read and are not counted\n");
}

TEST(EvaluationText, APartSaysWhichPicturesItHas) {
  Evaluation e = evaluation(10, 3, 3);
  e.listed = 10;
  e.shard = {.index = 1, .count = 3};
  EXPECT_THAT(show(e).out, HasSubstr("\npart 1/3: 4 of 10 pictures\n"));
  e.shard = {.index = 3, .count = 3};
  EXPECT_THAT(show(e).out, HasSubstr("\npart 3/3: 3 of 10 pictures\n"));
}

TEST(EvaluationText, LogitsThatAreNotFiniteAreWarnedOf) {
  Evaluation e = evaluation(10, 8, 6);
  e.tally.add(0, std::nullopt);
  EXPECT_EQ(show(e).err,
            "smlp: warning: 1 of 9 pictures have logits that are no finite numbers; they count as wrong\n");
}

TEST(EvaluationText, ChanceLevelIsWarnedOfForTheWholeAlone) {
  Evaluation e = evaluation(4, 400, 100);
  EXPECT_THAT(show(e).err, AllOf(HasSubstr("acc@1 is at chance level (1 of 4 classes)"), HasSubstr("the right file")));
  e.provenance.label_rule = "position";
  EXPECT_THAT(show(e).err, HasSubstr("class folders are taken in the order of their names"));
  e.shard = {.index = 1, .count = 2};
  EXPECT_EQ(show(e).err, "");
}

TEST(EvaluationText, TheTableHasARowAClass) {
  Evaluation e = evaluation(10, 3, 1);
  e.model_classes.names = {"ant", "bee", "cat"};
  e.classes.push_back({2, "c", "cat"});
  EXPECT_TRUE(show(e, {.per_class = true})
                  .out.starts_with("class  folder  name  images   acc@1   acc@5  most often taken for\n"
                                   "    0  a       ant        3  0.3333  1.0000  bee (2)\n"
                                   "    2  c       cat        0       -       -\n\n"
                                   "acc@1:"));
  const std::string json = show(e, {.json = true}).out;
  EXPECT_TRUE(json.starts_with("{\"smlp_evaluation\":1,")) << json;
  EXPECT_EQ(std::ranges::count(json, '\n'), 1);
}

TEST(EvaluationText, TheRuleOfTheLabelsIsASentence) {
  const auto text = [](LabelRule rule, const char* source, std::size_t count) {
    return label_rule_text(rule, source, count);
  };
  EXPECT_EQ(text(LabelRule::position, "folders", 3), "class folder i of 3, sorted by name, is class i of the model");
  EXPECT_EQ(text(LabelRule::name, "folders", 3), "3 class folders are names of the model's classes");
  EXPECT_EQ(text(LabelRule::name, "folders", 1), "1 class folder is a name of the model's classes");
  EXPECT_EQ(text(LabelRule::wnid, "folders", 2), "2 class folders are WordNet ids of the model's classes");
  EXPECT_EQ(text(LabelRule::index, "list", 2), "2 labels of the list are numbers of the model's classes");
  EXPECT_EQ(text(LabelRule::index, "shards", 2), "2 labels of the shards are numbers of the model's classes");
  EXPECT_EQ(text(LabelRule::index, "bins", 1), "1 label of labels.npy is a number of the model's classes");
  EXPECT_EQ(text(LabelRule::name, "several", 2), "2 labels are names of the model's classes");
}

}  // namespace
}  // namespace smlp::cli
