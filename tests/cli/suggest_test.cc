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

TEST(Suggest, TheNearestOfSeveralIsNamedTheFirstOfEquals) {
  const std::string known[] = {"abcdxx", "abcdex", "abcdey"};
  EXPECT_EQ(nearest_word("abcdef", known), "abcdex");
  EXPECT_EQ(nearest_word("abcdex", known), "abcdex");
}

// One change, or one in three letters: two letters that changed places are one.
TEST(Suggest, HowFarAWordMayBe) {
  const std::string known[] = {"batch", "abcdef"};
  EXPECT_EQ(nearest_word("bathc", known), "batch");
  EXPECT_EQ(nearest_word("bach", known), "batch");
  EXPECT_EQ(nearest_word("abatch", known), "batch");
  EXPECT_EQ(nearest_word("bxtxh", known), "");
  EXPECT_EQ(nearest_word("abcdxy", known), "abcdef") << "two in six";
  EXPECT_EQ(nearest_word("abcxyz", known), "") << "three in six";
  EXPECT_EQ(nearest_word("", known), "");
}

TEST(Suggest, AnUnknownPrecisionMeansTheOneOfItsBits) {
  const auto meant = [](std::string_view typed) {
    const std::string text = unknown_precision(typed);
    const std::size_t at = text.find("mean ");
    return at == std::string::npos ? "" : text.substr(at + 5, 4);
  };
  EXPECT_EQ(unknown_precision("fp16"), "unknown precision 'fp16' (did you mean bf16?); known are fp32, bf16 and int8");
  for (const char* typed : {"float16", "half16", "16", "bf61"}) EXPECT_EQ(meant(typed), "bf16") << typed;
  for (const char* typed : {"float32", "32", "FP32"}) EXPECT_EQ(meant(typed), "fp32") << typed;
  for (const char* typed : {"uint8", "w8a8", "8"}) EXPECT_EQ(meant(typed), "int8") << typed;
  for (const char* typed : {"half", "", "float64", "16bit"}) EXPECT_EQ(meant(typed), "") << typed;
  EXPECT_EQ(unknown_precision("half"), "unknown precision 'half'; known are fp32, bf16 and int8");
}

TEST(Suggest, IsSilentWhereNothingIsNear) {
  const std::string known[] = {"--top", "--threads"};
  EXPECT_EQ(nearest_word("--precision", known), "");
  EXPECT_EQ(nearest_word("x", known), "");
}

}  // namespace
}  // namespace smlp::cli
