#include "data/class_list.h"

#include <gmock/gmock.h>

#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Words = std::vector<std::string>;

TEST(ClassList, NamesAlone) {
  const test::Scratch scratch;
  const auto list = read_class_list(scratch.write("c.txt", "\xEF\xBB\xBFtench, Tinca tinca\r\nnew york\r\n\n"), 2);
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_THAT(list->names, ElementsAre("tench, Tinca tinca", "new york"));
  EXPECT_THAT(list->wnids, IsEmpty());
}

TEST(ClassList, NamesWithWordNetIds) {
  const test::Scratch scratch;
  const auto list =
      read_class_list(scratch.write("c.txt", "n01440764 tench, Tinca tinca\nn02102040 English springer"), 2);
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_THAT(list->names, ElementsAre("tench, Tinca tinca", "English springer"));
  EXPECT_THAT(list->wnids, ElementsAre("n01440764", "n02102040"));
}

TEST(ClassList, WhatIsWrongIsSaid) {
  const test::Scratch scratch;
  EXPECT_THAT(read_class_list(scratch.write("c.txt", "a\nb\n"), 3).error().message(),
              HasSubstr("2 class names for a model of 3 classes"));
  EXPECT_THAT(read_class_list(scratch.write("c.txt", "a\n\nb\n"), 3).error().message(), HasSubstr("line 2 is empty"));
  EXPECT_THAT(read_class_list(scratch.folder(), 3).error().file, scratch.folder().string());
  EXPECT_THAT(read_class_list(scratch.folder() / "no", 3).error().message(), HasSubstr("cannot open"));
}

TEST(MapLabels, PositionUnlessNamesSayOtherwise) {
  const auto map = map_labels(Words{"a", "b", "c"}, 3, {.names = {"x", "y", "z"}});
  ASSERT_TRUE(map);
  EXPECT_EQ(map->rule, LabelRule::by_position);
  EXPECT_THAT(map->class_of_folder, ElementsAre(0, 1, 2));
}

TEST(MapLabels, FoldersNamedAsClassesAreThoseClasses) {
  const ClassList list{.names = {"dog", "cat", "ant"}};
  const auto all = map_labels(Words{"ant", "cat", "dog"}, 3, list);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->rule, LabelRule::by_name);
  EXPECT_THAT(all->class_of_folder, ElementsAre(2, 1, 0));
  EXPECT_THAT(map_labels(Words{"cat"}, 3, list)->class_of_folder, ElementsAre(1));
}

TEST(MapLabels, WordNetIdsPickAFewOfManyClasses) {
  const auto map = map_labels(Words{"n3", "n1"}, 3, {.names = {"a", "b", "c"}, .wnids = {"n1", "n2", "n3"}});
  ASSERT_TRUE(map);
  EXPECT_EQ(map->rule, LabelRule::by_wnid);
  EXPECT_THAT(map->class_of_folder, ElementsAre(2, 0));
}

TEST(MapLabels, ANameOfTwoClassesNamesNone) {
  const ClassList list{.names = {"crane", "crane", "ant"}};
  EXPECT_EQ(map_labels(Words{"ant", "crane", "x"}, 3, list)->rule, LabelRule::by_position);
  EXPECT_THAT(map_labels(Words{"crane"}, 3, list).error().message(),
              HasSubstr("1 class folders for a model of 3 classes"));
}

TEST(MapLabels, AnotherNumberOfFoldersIsAnError) {
  EXPECT_THAT(map_labels(Words{"a", "b", "c"}, 2, {}).error().message(),
              HasSubstr("3 class folders for a model of 2 classes"));
}

}  // namespace
}  // namespace smlp
