#include "data/class_list.h"

#include <gmock/gmock.h>

#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

TEST(ClassList, NamesInMemoryAreReadAsLinesOfAFile) {
  EXPECT_THAT(check_class_list({.names = {"n01440764 tench", "new york"}}, 2).error().message(),
              HasSubstr("class 1, 'new york', has no WordNet id and a name, and other classes have"));
  const auto list = check_class_list({.names = {"n01440764 tench", "n02102040 English springer"}}, 2);
  ASSERT_TRUE(list) << list.error().message();
  EXPECT_THAT(list->names, ElementsAre("tench", "English springer"));
  EXPECT_THAT(list->wnids, ElementsAre("n01440764", "n02102040"));
}

TEST(ClassList, AWordNetIdIsTheLetterNAndEightDigits) {
  EXPECT_TRUE(is_wnid("n01440764"));
  for (const char* word : {"", "n", "n0144076", "n014407645", "N01440764", "m01440764", "n0144076x", "nn1440764"}) {
    EXPECT_FALSE(is_wnid(word)) << word;
  }
}

// Ids in some lines alone would stay in the names, and no folder of that id be found.
TEST(ClassList, IdsInSomeLinesAloneAreRefused) {
  const test::Scratch scratch;
  for (const char* line : {"n01440764", "n01440764 ", "n0144076 tench", "x n01440764 tench", "tench"}) {
    const std::string path = scratch.write("c.txt", fmt::format("n02102040 springer\n{}\n", line));
    const auto list = read_class_list(path, 2);
    ASSERT_FALSE(list) << line;
    EXPECT_EQ(list.error().file, path);
    EXPECT_THAT(list.error().message(), HasSubstr(fmt::format("class 1, '{}', has no WordNet id and a name", line)));
  }
  const auto ids = read_class_list(scratch.write("c.txt", "n01440764\nn02102040\n"), 2);
  ASSERT_TRUE(ids) << ids.error().message();
  EXPECT_THAT(ids->names, ElementsAre("n01440764", "n02102040")) << "names that are ids";
  const auto tabs = read_class_list(scratch.write("c.txt", "n01440764\ttench\nn02102040 springer\n"), 2);
  ASSERT_TRUE(tabs) << tabs.error().message();
  EXPECT_THAT(tabs->names, ElementsAre("tench", "springer"));
  const auto one = read_class_list(scratch.write("c.txt", "n01440764 t"), 1);
  ASSERT_TRUE(one) << one.error().message();
  EXPECT_THAT(one->names, ElementsAre("t"));
}

TEST(ClassList, WhatIsWrongIsSaid) {
  EXPECT_THAT(check_class_list({.names = {"a", ""}}, 2).error().message(), HasSubstr("the name of class 1 is empty"));
  EXPECT_THAT(check_class_list({.names = {"a"}}, 2).error().message(),
              HasSubstr("1 class names for a model of 2 classes"));
  const test::Scratch scratch;
  EXPECT_THAT(read_class_list(scratch.write("c.txt", "a\nb\n"), 3).error().message(),
              HasSubstr("2 class names for a model of 3 classes"));
  EXPECT_THAT(read_class_list(scratch.write("c.txt", "a\n\nb\n"), 3).error().message(), HasSubstr("line 2 is empty"));
  for (const std::string& text : {std::string("a\n \t\nb\n"), std::string("a\nb\0c\nd\n", 8)}) {
    EXPECT_THAT(read_class_list(scratch.write("c.txt", text), 3).error().message(), HasSubstr("line 2 is empty"));
  }
  EXPECT_THAT(read_class_list(scratch.write("c.txt", "cr\xC3\xAApe\ncr\xEApe\n"), 2).error().message(),
              HasSubstr("line 2 is not UTF-8"));
  EXPECT_THAT(read_class_list(scratch.folder(), 3).error().file, scratch.folder().string());
  EXPECT_THAT(read_class_list(scratch.folder() / "no", 3).error().message(), HasSubstr("cannot open"));
}

}  // namespace
}  // namespace smlp
