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
  const auto plain = check_class_list({.names = {"n01440764 tench", "new york"}}, 2);
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_THAT(plain->names, ElementsAre("n01440764 tench", "new york"));
  EXPECT_THAT(plain->wnids, IsEmpty());
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

TEST(ClassList, ANameThatOnlyBeginsLikeAnIdIsAName) {
  const test::Scratch scratch;
  for (const char* line : {"n01440764", "n01440764 ", "n01440764\ttench", "n0144076 tench", "x n01440764 tench"}) {
    const auto list = read_class_list(scratch.write("c.txt", fmt::format("n02102040 springer\n{}\n", line)), 2);
    ASSERT_TRUE(list) << list.error().message();
    EXPECT_THAT(list->names, ElementsAre("n02102040 springer", line));
    EXPECT_THAT(list->wnids, IsEmpty());
  }
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
  EXPECT_THAT(read_class_list(scratch.write("c.txt", "cr\xC3\xAApe\ncr\xEApe\n"), 2).error().message(),
              HasSubstr("line 2 is not UTF-8"));
  EXPECT_THAT(read_class_list(scratch.folder(), 3).error().file, scratch.folder().string());
  EXPECT_THAT(read_class_list(scratch.folder() / "no", 3).error().message(), HasSubstr("cannot open"));
}

}  // namespace
}  // namespace smlp
