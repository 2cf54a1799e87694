#include "cli/table.h"

#include <gtest/gtest.h>

#include "cli/console.h"
#include "cli/progress.h"

namespace smlp::cli {
namespace {

using enum Table::Align;

TEST(Table, AlignsColumnsWithoutTrailingSpaces) {
  Table table({"name", "count"}, {left, right});
  table.add({"a", "10"});
  table.add({"longer", "7"});
  EXPECT_EQ(table.text(), "name    count\na          10\nlonger      7\n");
}

TEST(Table, CountsColumnsOfTheTerminalNotBytes) {
  EXPECT_EQ(display_width("Äffchen"), 7);
  EXPECT_EQ(display_width("金鱼"), 4);
  EXPECT_EQ(display_width("A\u0308ffchen"), 7);
  Table table({"", ""}, {left, left});
  table.add({"金鱼", "x"});
  table.add({"fish", "y"});
  EXPECT_EQ(table.text(), "金鱼  x\nfish  y\n");
}

// First and last of the wide ranges of Unicode's table (East Asian Width W and F), and what stands beside them.
TEST(Table, EdgesOfTheWideRanges) {
  for (const char* wide : {"\u1100", "\u115F", "\u2E80",     "\uA4C6",     "\uAC00",     "\uD7A3",    "\uF900",
                           "\uFAD9", "\uFE10", "\uFE19",     "\uFE30",     "\uFE6B",     "\uFF01",    "\uFF60",
                           "\uFFE0", "\uFFE6", "\U0001F300", "\U0001FAE7", "\U00020000", "\U0003FFFD"}) {
    EXPECT_EQ(display_width(wide), 2) << wide;
  }
  for (const char* narrow : {"\u10FF", "\u1160", "\u2E7F", "\uA4D0", "\uABFF", "\uD7B0", "\uFB00", "\uFE1A", "\uFE70",
                             "\uFF61", "\uFFDC", "\uFFE8", "\U0001F2FF", "\U0001FB00", "\U0001FFFD"}) {
    EXPECT_EQ(display_width(narrow), 1) << narrow;
  }
}

TEST(Table, KeepsToTheWidthByWrappingAndThenByFollowingColumns) {
  Table table({"name", "what it is", "n"}, {left, left, right});
  table.add({"puppy", "English springer, English springer spaniel 金鱼金鱼 金鱼金鱼金鱼金鱼金鱼金鱼金鱼", "7"});
  table.add({"a-word-that-is-longer-than-its-column-is-wide", "", "8"});
  for (const int width : {30, 40, 60, 80}) {
    const std::string text = table.text(width);
    for (std::size_t start = 0; start < text.size(); start = text.find('\n', start) + 1) {
      EXPECT_LE(display_width(text.substr(start, text.find('\n', start) - start)), width) << text;
    }
  }
  Table numbers({"batch", "images/s", "ms"}, {right, right, right});
  numbers.add({"1", "25.5", "39.2"});
  EXPECT_EQ(numbers.text(16), "batch  images/s\n    1      25.5\n\nbatch    ms\n    1  39.2\n");
}

TEST(Table, AWrappedCellKeepsAllItsLinesBesideTheOthers) {
  Table table({"n", "what it is", "where"}, {right, left, left});
  table.add({"12", "one two three four five six", "here"});
  table.add({"3", "short", "in a far away place and further"});
  EXPECT_EQ(table.text(34),
            " n  what it is      where\n"
            "12  one two three   here\n"
            "    four five six\n"
            " 3  short           in a far away\n"
            "                    place and\n"
            "                    further\n");
}

// Twelve columns are the narrowest; a column that may not be narrowed goes below, after the first.
TEST(Table, OnlyLeftAlignedColumnsAreNarrowedAndNotBelowTwelve) {
  Table table({"a", "b"}, {left, right});
  table.add({"1234567890abc", "1234567890abcdef"});
  EXPECT_EQ(table.text(30), "a                            b\n1234567890ab  1234567890abcdef\nc\n");
  EXPECT_EQ(table.text(31), "a                             b\n1234567890abc  1234567890abcdef\n");
  EXPECT_EQ(table.text(29),
            "a\n1234567890ab\nc\n\na                            b\n1234567890ab  1234567890abcdef\nc\n");
}

TEST(Wrapped, BreaksAtSpacesAndInLongWords) {
  EXPECT_EQ(wrapped("one two three", 7), (std::vector<std::string>{"one two", "three"}));
  EXPECT_EQ(wrapped("abcdefgh ij", 3), (std::vector<std::string>{"abc", "def", "gh", "ij"}));
  EXPECT_EQ(wrapped("金鱼金鱼", 5), (std::vector<std::string>{"金鱼", "金鱼"}));
  EXPECT_EQ(wrapped("", 5), (std::vector<std::string>{""}));
  EXPECT_EQ(wrapped("  ab cd ef", 7), (std::vector<std::string>{"  ab cd", "ef"}));
  EXPECT_EQ(wrapped("one two", 7), (std::vector<std::string>{"one two"}));
  EXPECT_EQ(wrapped("one two", 6), (std::vector<std::string>{"one", "two"}));
}

TEST(Table, ATruncatedCharacterEndsTheText) { EXPECT_EQ(display_width("a\xE9"), 2); }

TEST(Console, ControlCharactersBecomeVisible) { EXPECT_EQ(printable("a\nb\x1b[31m\t"), "a\\nb\\x1b[31m\\t"); }

TEST(Progress, ClockText) {
  EXPECT_EQ(clock_text(5.4), "0:05");
  EXPECT_EQ(clock_text(-3), "0:00");
  EXPECT_EQ(clock_text(0.5), "0:01");
  EXPECT_EQ(clock_text(59.4), "0:59");
  EXPECT_EQ(clock_text(60), "1:00");
  EXPECT_EQ(clock_text(185), "3:05");
  EXPECT_EQ(clock_text(3599), "59:59");
  EXPECT_EQ(clock_text(3600), "1:00:00");
  EXPECT_EQ(clock_text(3729), "1:02:09");
}

}  // namespace
}  // namespace smlp::cli
