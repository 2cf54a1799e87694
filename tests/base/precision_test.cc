#include "base/precision.h"

#include <gtest/gtest.h>

namespace smlp {
namespace {

TEST(Precision, NamesAreReadBack) {
  for (const auto& [value, name] :
       {std::pair(Precision::fp32, "fp32"), {Precision::bf16, "bf16"}, {Precision::int8, "int8"}}) {
    EXPECT_EQ(precision_name(value), name);
    ASSERT_NE(find_precision(name), nullptr) << name;
    EXPECT_EQ(*find_precision(name), value);
  }
  for (const auto& [value, name] :
       {std::pair(Mode::automatic, "automatic"), {Mode::throughput, "throughput"}, {Mode::latency, "latency"}}) {
    EXPECT_EQ(mode_name(value), name);
    ASSERT_NE(find_mode(name), nullptr) << name;
    EXPECT_EQ(*find_mode(name), value);
  }
  for (const auto& [value, name] : {std::pair(GeluPrecision::high_precision, "high_precision"),
                                    {GeluPrecision::high_performance, "high_performance"}}) {
    EXPECT_EQ(gelu_precision_name(value), name);
    ASSERT_NE(find_gelu_precision(name), nullptr) << name;
    EXPECT_EQ(*find_gelu_precision(name), value);
  }
}

TEST(Precision, OtherWordsAreNone) {
  for (const char* word : {"", "fp", "fp322", "FP32", "auto", "high"}) {
    EXPECT_EQ(find_precision(word), nullptr) << word;
    EXPECT_EQ(find_mode(word), nullptr) << word;
    EXPECT_EQ(find_gelu_precision(word), nullptr) << word;
  }
}

}  // namespace
}  // namespace smlp
