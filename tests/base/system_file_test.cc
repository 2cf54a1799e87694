#include "base/system_file.h"

#include <gtest/gtest.h>

#include "support/scratch.h"

namespace smlp {
namespace {

TEST(SystemFile, TheFirstLine) {
  const test::Scratch scratch;
  EXPECT_EQ(first_line(scratch.write("two", "one\ntwo\n")), "one");
  EXPECT_EQ(first_line(scratch.write("open", "one")), "one");
  EXPECT_EQ(first_line(scratch.write("empty", "")), "");
  EXPECT_EQ(first_line(scratch.folder() / "missing"), "");
}

TEST(SystemFile, AValueIsThatOfItsWholeKey) {
  const test::Scratch scratch;
  const auto file = scratch.write("info",
                                  "MemTotalOfAll: 1 kB\nMemTotal:   16384 kB\nMemTotal: 2 kB\nmodel name\t: A B\n"
                                  "inactive_file 4096\nalone\nblanks: \t \nlast:\n");
  EXPECT_EQ(value_of(file, "MemTotal"), "16384 kB");
  EXPECT_EQ(value_of(file, "model name"), "A B");
  EXPECT_EQ(value_of(file, "inactive_file"), "4096");
  EXPECT_EQ(value_of(file, "last"), "");
  EXPECT_EQ(value_of(file, "alone"), "");
  EXPECT_EQ(value_of(file, "blanks"), "");
  EXPECT_EQ(value_of(file, "inactive"), "");
  EXPECT_EQ(value_of(scratch.folder() / "missing", "MemTotal"), "");
}

TEST(SystemFile, ANumberIsWhatTheTextStartsWith) {
  EXPECT_EQ(leading_number("32K"), 32U);
  EXPECT_EQ(leading_number("18446744073709551615"), 18446744073709551615U);
  EXPECT_EQ(leading_number(std::string_view("12345").substr(0, 2)), 12U) << "and not what stands behind it";
  for (const char* text : {"", "max", " 1", "-1", "18446744073709551616"}) EXPECT_FALSE(leading_number(text)) << text;
}

}  // namespace
}  // namespace smlp
