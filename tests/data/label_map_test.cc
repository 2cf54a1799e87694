#include "data/label_map.h"

#include <gmock/gmock.h>

namespace smlp {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Words = std::vector<std::string>;

// Neighbours in ImageNet's list, with everything that makes its names hard.
const ClassList kImageNet = {
    .names = {"tench, Tinca tinca", "crane", "Cardigan, Cardigan Welsh corgi", "cardigan", "crane", "maillot",
              "maillot, tank suit", "chain saw, chainsaw", "harmonica, mouth organ, harp, mouth harp", "harp"},
    .wnids = {"n01440764", "n02012849", "n02113186", "n02963159", "n03126707", "n03710637", "n03710721", "n03000684",
              "n03494278", "n03495258"}};

std::string problem(const Result<LabelMap>& map) { return map ? "no error" : map.error().message(); }

std::string problem(const Words& folders, const ClassList& list = kImageNet,
                    std::optional<LabelRule> rule = std::nullopt) {
  return problem(map_labels(folders, static_cast<int>(list.names.size()), list, rule));
}

// "rule: class class ..."
std::string mapped(const Words& folders, const ClassList& list = kImageNet,
                   std::optional<LabelRule> rule = std::nullopt) {
  const auto map = map_labels(folders, static_cast<int>(list.names.size()), list, rule);
  if (!map) return map.error().message();
  return fmt::format("{}: {}", label_rule_name(map->rule), fmt::join(map->class_of_folder, " "));
}

TEST(MapLabels, WordNetIds) {
  EXPECT_EQ(mapped({"n01440764", "n03000684", "n03126707"}), "wnid: 0 7 4");
  EXPECT_THAT(
      problem({"n01440764", "n99999999", "n88888888"}),
      AllOf(HasSubstr("2 of 3 class folders match no class of the model by WordNet id: 'n99999999', 'n88888888'"),
            HasSubstr("--labels position")));
}

TEST(MapLabels, WholeNamesAndEachSynonym) {
  EXPECT_EQ(mapped({"tench, Tinca tinca"}), "name: 0");
  EXPECT_EQ(mapped({"chainsaw", "tench"}), "name: 7 0");
  EXPECT_EQ(mapped({"Chain_Saw", "TINCA  tinca", " mouth_organ "}), "name: 7 0 8");
  EXPECT_EQ(mapped({"_chain\tsaw__"}), "name: 7");
  EXPECT_THAT(problem({"chainsaw", "_"}), HasSubstr("by name: '_'"));
  EXPECT_EQ(mapped({"Cardigan", "cardigan"}), "name: 2 3") << "the case tells them apart";
  EXPECT_THAT(problem({"CARDIGAN"}), HasSubstr("folder 'CARDIGAN' may be class 2 n02113186 'Cardigan, Cardigan Welsh "
                                               "corgi' or class 3 n02963159 'cardigan'"));
}

TEST(MapLabels, OneRenamedFolderNeverMeansPosition) {
  const ClassList list{.names = {"gas pump", "golf ball", "parachute, chute"}};
  EXPECT_EQ(mapped({"gas pump", "golf ball", "parachute"}, list), "name: 0 1 2");
  EXPECT_THAT(problem({"gas pump", "golf ball", "parachutes"}, list),
              HasSubstr("1 of 3 class folders match no class of the model by name: 'parachutes'"));
  EXPECT_THAT(problem({"a", "b", "c"}, list), HasSubstr("3 of 3 class folders match no class"));
  EXPECT_EQ(mapped({"a", "b", "c"}, list, LabelRule::position), "position: 0 1 2");
}

TEST(MapLabels, ANameOfTwoClassesIsRefusedWithBoth) {
  EXPECT_THAT(problem({"crane", "tench"}),
              AllOf(HasSubstr("'crane' may be class 1 n02012849 'crane' or class 4 n03126707 'crane'"),
                    HasSubstr("WordNet ids")));
  EXPECT_THAT(problem({"maillot"}), HasSubstr("'maillot' may be class 5"));
  EXPECT_THAT(problem({"harp", "tench"}), HasSubstr("'harp' may be class 8"));
  // Folders that are plainly named by whole names mean their own class.
  EXPECT_EQ(mapped({"harp", "maillot", "maillot, tank suit"}), "name: 9 5 6");
  EXPECT_THAT(problem({"crane", "maillot, tank suit"}), HasSubstr("'crane' may be"));
}

TEST(MapLabels, WhatIsNotANumberAmongNumbersIsNamed) {
  EXPECT_THAT(problem({"0", "1", "2"}), HasSubstr("give --labels index if each is the number of its class"));
  const auto map = map_labels(Words{"0", "-1", "2", "tench"}, 10, kImageNet, std::nullopt, LabelWords::labels);
  EXPECT_THAT(problem(map_labels(Words{"0", "-1", "2"}, 10, kImageNet, std::nullopt, LabelWords::labels)),
              HasSubstr("1 of 3 labels match no class of the model by number: '-1'"));
  EXPECT_THAT(problem(map), HasSubstr("2 of 4 labels match no class of the model by number: '-1', 'tench'"));
}

TEST(MapLabels, TwoFoldersOfOneClassAreRefused) {
  EXPECT_THAT(problem({"chain saw", "chainsaw"}), HasSubstr("'chain saw' and 'chainsaw' are both class 7"));
}

TEST(MapLabels, IdsAndNamesAreNotMixed) {
  EXPECT_THAT(problem({"n01440764", "chainsaw", "tench"}),
              HasSubstr("match no class of the model by name: 'n01440764'"));
}

TEST(MapLabels, PositionOnlyWhereNothingElseIsKnown) {
  EXPECT_THAT(map_labels(Words{"a", "b"}, 2, {})->class_of_folder, ElementsAre(0, 1));
  EXPECT_EQ(map_labels(Words{"a", "b"}, 2, {})->rule, LabelRule::position);
  EXPECT_THAT(problem(map_labels(Words{"a"}, 2, {})), HasSubstr("1 class folders for a model of 2 classes"));
  EXPECT_THAT(problem(map_labels(Words{"a", "b", "c"}, 2, {})),
              AllOf(HasSubstr("3 class folders for a model of 2 classes"), HasSubstr("does not know")));
  EXPECT_THAT(problem({"tench", "harp"}, kImageNet, LabelRule::position),
              HasSubstr("2 class folders for a model of 10 classes"));
}

TEST(MapLabels, TheRuleThatIsAskedForIsTheRule) {
  EXPECT_EQ(mapped({"10", "2", "3"}, {.names = Words(11, "x")}, LabelRule::index), "index: 10 2 3");
  EXPECT_THAT(problem({"0", "x", "-1", "1a"}, kImageNet, LabelRule::index),
              HasSubstr("3 of 4 class folders match no class of the model by number: 'x', '-1', '1a'"));
  EXPECT_THAT(problem({"0", "10"}, kImageNet, LabelRule::index), HasSubstr("'10' is beyond the model's 10 classes"));
  EXPECT_THAT(problem({"01", "1"}, kImageNet, LabelRule::index), HasSubstr("are both class 1"));
  EXPECT_THAT(problem({"tench"}, kImageNet, LabelRule::wnid), HasSubstr("1 of 1"));
  EXPECT_THAT(problem({"n01440764"}, kImageNet, LabelRule::name), HasSubstr("1 of 1"));
  EXPECT_THAT(problem({"a"}, {.names = {"a"}}, LabelRule::wnid), HasSubstr("no WordNet ids"));
  EXPECT_THAT(problem(map_labels(Words{"a"}, 1, {}, LabelRule::name)), HasSubstr("no class names"));
}

TEST(MapLabels, LongListsAreCut) {
  Words many;
  for (int i = 0; i < 25; ++i) many.push_back(fmt::format("x{}", i));
  EXPECT_THAT(problem(many), HasSubstr("'x9' and 15 more"));
  many.resize(11);
  EXPECT_THAT(problem(many), HasSubstr("'x8', 'x9' and 1 more"));
  many.resize(10);
  EXPECT_THAT(problem(many), AllOf(HasSubstr("id: 'x0', 'x1'"), HasSubstr("'x8', 'x9'; ")));
}

TEST(MapLabels, LabelsOfListsAreNumbersOrNames) {
  const auto labels = [](const Words& words, const ClassList& list, std::optional<LabelRule> rule = std::nullopt) {
    const auto map = map_labels(words, static_cast<int>(std::max<std::size_t>(list.names.size(), 3)), list, rule,
                                LabelWords::labels);
    return map ? fmt::format("{}: {}", label_rule_name(map->rule), fmt::join(map->class_of_folder, " "))
               : map.error().message();
  };
  EXPECT_EQ(labels({"2", "0"}, {}), "index: 2 0") << "as ImageNet's val.txt";
  EXPECT_EQ(labels({"2", "0", "02"}, kImageNet), "index: 2 0 2");
  EXPECT_EQ(labels({"tench", "Tinca tinca"}, kImageNet), "name: 0 0") << "pictures may share a class";
  EXPECT_EQ(labels({"n01440764"}, kImageNet), "wnid: 0");
  EXPECT_THAT(labels({"3"}, {}), HasSubstr("label '3' is beyond the model's 3 classes"));
  EXPECT_THAT(labels({"2", "tench"}, kImageNet), HasSubstr("1 of 2 labels match no class of the model by name: '2'"));
  EXPECT_THAT(labels({"tench"}, {}), HasSubstr("pass --classes"));
  EXPECT_THAT(labels({"0"}, kImageNet, LabelRule::position), HasSubstr("have no position"));
  const ClassList digits{.names = {"1", "0", "2"}};
  EXPECT_THAT(labels({"0", "1"}, digits), HasSubstr("label '0' may be the number of class 0 or the name of class 1"));
  EXPECT_EQ(labels({"0", "1"}, digits, LabelRule::name), "name: 1 0");
  EXPECT_EQ(labels({"2"}, digits), "index: 2") << "either way";
}

TEST(WholeNumber, IsAWordOfDigits) {
  EXPECT_EQ(whole_number("0"), 0);
  EXPECT_EQ(whole_number("012"), 12);
  EXPECT_EQ(whole_number("2147483647"), 2147483647);
  for (const char* word : {"", "-1", "+1", " 1", "1 ", "1x", "x", "1.0", "2147483648", "99999999999999999999"}) {
    EXPECT_EQ(whole_number(word), std::nullopt) << word;
  }
}

TEST(LabelRuleNames, AreReadBack) {
  for (const auto rule : {LabelRule::position, LabelRule::index, LabelRule::name, LabelRule::wnid}) {
    EXPECT_EQ(find_label_rule(label_rule_name(rule)), rule);
  }
  EXPECT_EQ(label_rule_name(LabelRule::wnid), "wnid");
  EXPECT_EQ(find_label_rule("by magic"), std::nullopt);
  EXPECT_EQ(find_label_rule(""), std::nullopt);
}

}  // namespace
}  // namespace smlp
