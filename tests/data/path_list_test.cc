#include "data/path_list.h"

#include <gmock/gmock.h>

#include <map>

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PathListTest : public ::testing::Test {
 protected:
  // "PATH=LABEL@LINE" of every line, or the error.
  std::vector<std::string> lines(std::string_view text) {
    const auto list = read(text);
    if (!list) return {list.error().message()};
    std::vector<std::string> out;
    for (const ListLine& line : list->lines) out.push_back(fmt::format("{}={}@{}", line.path, line.label, line.number));
    return out;
  }
  std::string problem(std::string_view text) {
    const auto list = read(text);
    return list ? "no error" : list.error().message();
  }
  Result<PathList> read(std::string_view text) {
    return parse_list(text, [this](std::string_view path) {
      const auto at = places_.find(std::string(path));
      return at == places_.end() ? ListPlace::nowhere : at->second;
    });
  }
  void here(std::initializer_list<const char*> paths) {
    for (const char* path : paths) places_[path] = ListPlace::here;
  }

  std::map<std::string, ListPlace> places_;
};

TEST_F(PathListTest, PathsALine) {
  here({"a.jpg", "#1.jpg", " b,c ", "a 2.jpg"});
  EXPECT_THAT(lines("\xEF\xBB\xBF"
                    "a.jpg\r\n\n#1.jpg\n b,c \na 2.jpg\n-\nlast"),
              ElementsAre("a.jpg=@1", "#1.jpg=@3", " b,c =@4", "a 2.jpg=@5", "-=@6", "last=@7"));
  EXPECT_FALSE(read("a.jpg")->labelled);
  EXPECT_THAT(lines("  \na.jpg\n \t\r\n\t"), ElementsAre("a.jpg=@2"));
  here({"  "});
  EXPECT_THAT(lines("  \na.jpg"), ElementsAre("  =@1", "a.jpg=@2")) << "a file has that name";
}

TEST_F(PathListTest, LabelsStandBehindATabOrTheLastSpaces) {
  here({"a.jpg", "b 1.jpg", "c.jpg", "d.jpg"});
  EXPECT_THAT(
      lines("a.jpg 3\nb 1.jpg 65 \nc.jpg\ttench, Tinca tinca\r\nd.jpg   n01440764\nmissing.jpg 7\n"),
      ElementsAre("a.jpg=3@1", "b 1.jpg=65@2", "c.jpg=tench, Tinca tinca@3", "d.jpg=n01440764@4", "missing.jpg=7@5"));
  EXPECT_TRUE(read("a.jpg 3")->labelled);
  EXPECT_THAT(lines("a.jpg\tname  \nb 1.jpg\t 7\n"), ElementsAre("a.jpg=name@1", "b 1.jpg= 7@2"));
  here({"e.jpg "});
  EXPECT_THAT(lines("e.jpg \t5"), ElementsAre("e.jpg =5@1")) << "what stands before a tab is the path";
  EXPECT_THAT(lines("a.jpg"), ElementsAre("a.jpg=@1"));
  EXPECT_THAT(problem("a.jpg 1\n\tb\n"), HasSubstr("line 2 has no label"));
  EXPECT_THAT(problem("a.jpg 1\nb\t\n"), HasSubstr("line 2 has no label"));
}

TEST_F(PathListTest, WhereNothingIsThereTheNamesTell) {
  EXPECT_THAT(lines("x.JPEG 1\ny.png 2\n"), ElementsAre("x.JPEG=1@1", "y.png=2@2"));
  EXPECT_THAT(lines("holiday 1.jpg\nholiday 2.jpg\n"), ElementsAre("holiday 1.jpg=@1", "holiday 2.jpg=@2"));
  EXPECT_THAT(lines("a 1\nb 2\n"), ElementsAre("a 1=@1", "b 2=@2"));
  EXPECT_THAT(lines("x.bin 1\ny.npy 2\n"), ElementsAre("x.bin=1@1", "y.npy=2@2"));
  EXPECT_THAT(lines("x.png 1\ny.png\n"), ElementsAre("x.png 1=@1", "y.png=@2")) << "not every line has one";
}

TEST_F(PathListTest, WhatMayMeanTwoThingsIsRefusedWithItsLine) {
  here({"a.jpg", "a.jpg 3", "b.jpg", "c,d.jpg"});
  EXPECT_THAT(problem("b.jpg\n\na.jpg 3\n"),
              HasSubstr("line 3 means two things: 'a.jpg 3' is there, and so is 'a.jpg'"));
  EXPECT_THAT(problem("b.jpg\na.jpg 4\n"), HasSubstr("line 2 has a label, line 1 has none"));
  EXPECT_THAT(problem("a.jpg 4\nb.jpg\n"), HasSubstr("line 2 has no label, line 1 has one"));
  EXPECT_THAT(problem("b.jpg 4\nmissing\n"), HasSubstr("line 2 has no label"));
  EXPECT_THAT(problem("b.jpg,4\n"), HasSubstr("line 1 has a comma between a path and its label"));
  EXPECT_THAT(lines("c,d.jpg"), ElementsAre("c,d.jpg=@1"));
  EXPECT_THAT(lines("x.jpg,4\n,b.jpg\n"), ElementsAre("x.jpg,4=@1", ",b.jpg=@2")) << "no file is named so";
  EXPECT_THAT(lines("b.jpg\t1\t2"), ElementsAre("b.jpg\t1\t2=@1")) << "three columns are no path and label";
}

TEST_F(PathListTest, AListHasOneFolder) {
  here({"a.jpg", "/abs.jpg"});
  places_["b.jpg"] = ListPlace::beside;
  places_["c.jpg"] = ListPlace::both;
  EXPECT_TRUE(read("b.jpg\n/abs.jpg\nmissing\n")->beside);
  EXPECT_FALSE(read("a.jpg\n/abs.jpg\n")->beside);
  EXPECT_THAT(problem("a.jpg\nb.jpg\n"),
              HasSubstr("line 2 is found only beside the list, line 1 only from the working folder"));
  EXPECT_THAT(problem("b.jpg 1\n\na.jpg 2\n"),
              HasSubstr("line 3 is found only from the working folder, line 1 only beside the list"));
  EXPECT_THAT(problem("a.jpg\nc.jpg\n"), HasSubstr("line 2 means two files: 'c.jpg' is in the working folder"));
}

TEST_F(PathListTest, WhatNoListHasIsRefused) {
  EXPECT_THAT(problem(""), HasSubstr("the list names nothing"));
  EXPECT_THAT(problem("\n\r\n"), HasSubstr("the list names nothing"));
  EXPECT_THAT(problem(std::string_view("a\nb\0c\n", 6)), HasSubstr("line 2 has a zero byte"));
  EXPECT_THAT(problem("a\n" + std::string(8193, 'x')), HasSubstr("line 2 has 8193 bytes; at most 8192"));
  EXPECT_EQ(problem("a\n" + std::string(8192, 'x')), "no error");
}

}  // namespace
}  // namespace smlp
