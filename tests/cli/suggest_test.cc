#include "cli/suggest.h"

#include <gtest/gtest.h>

namespace smlp::cli {
namespace {

TEST(Suggest, NamesTheNearWord) {
  const std::string known[] = {"--top", "--threads", "--model", "-h"};
  EXPECT_EQ(nearest_word("--tpo", known), "--top");
  EXPECT_EQ(nearest_word("--thread", known), "--threads");
  EXPECT_EQ(nearest_word("--modle", known), "--model");
}

TEST(Suggest, IsSilentWhereNothingIsNear) {
  const std::string known[] = {"--top", "--threads"};
  EXPECT_EQ(nearest_word("--precision", known), "");
  EXPECT_EQ(nearest_word("x", known), "");
}

}  // namespace
}  // namespace smlp::cli
