#include "tasks/csv_cell.h"

#include <gtest/gtest.h>

namespace smlp {
namespace {

TEST(CsvCell, QuotesWhatWouldEndACell) {
  EXPECT_EQ(csv_cell("gas pump"), "gas pump");
  EXPECT_EQ(csv_cell(""), "");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("a \"b\""), "\"a \"\"b\"\"\"");
  EXPECT_EQ(csv_cell("a\nb\x1b"), "a\\nb\\x1b");  // printable first: a line stays one
}

}  // namespace
}  // namespace smlp
