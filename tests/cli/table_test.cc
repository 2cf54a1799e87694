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
  Table table({"", ""}, {left, left});
  table.add({"金鱼", "x"});
  table.add({"fish", "y"});
  EXPECT_EQ(table.text(), "金鱼  x\nfish  y\n");
}

TEST(Table, ATruncatedCharacterEndsTheText) { EXPECT_EQ(display_width("a\xE9"), 2); }

TEST(Console, ControlCharactersBecomeVisible) { EXPECT_EQ(printable("a\nb\x1b[31m\t"), "a\\nb\\x1b[31m\\t"); }

TEST(Progress, ClockText) {
  EXPECT_EQ(clock_text(5.4), "0:05");
  EXPECT_EQ(clock_text(185), "3:05");
  EXPECT_EQ(clock_text(3729), "1:02:09");
}

}  // namespace
}  // namespace smlp::cli
