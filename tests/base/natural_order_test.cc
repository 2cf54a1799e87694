#include "base/natural_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace smlp {
namespace {

TEST(NaturalOrder, NumbersCompareAsNumbers) {
  std::vector<std::string> names = {"b10", "b9", "b", "a2b10", "a2b9", "a10", "b0009x", "B1", "99999999999999999999",
                                    "3"};
  std::ranges::sort(names, natural_less);
  EXPECT_EQ(names, (std::vector<std::string>{"3", "99999999999999999999", "B1", "a2b9", "a2b10", "a10", "b", "b9",
                                             "b0009x", "b10"}));
}

TEST(NaturalOrder, EachPairOneWayOnly) {
  const std::pair<const char*, const char*> ordered[] = {
      {"2", "10"},       {"02", "10"},
      {"9", "09"},       {"1", "001"},
      {"a1", "a01"},     {"a01b", "a2b"},
      {"a1b2", "a01b3"}, {"a1b2", "a01b2"},
      {"x", "x0"},       {"x9", "xa"},
      {"x9", "x9a"},     {"Z", "a"},
      {"z", "\xC3\xA9"}, {"18446744073709551616", "18446744073709551617"},
      {"1.10", "1.11"},  {"a-1", "a-2"},
      {"0", "00"},       {"9z", "10"}};
  for (const auto& [less, more] : ordered) {
    EXPECT_TRUE(natural_less(less, more)) << less << " " << more;
    EXPECT_FALSE(natural_less(more, less)) << less << " " << more;
  }
}

TEST(NaturalOrder, IsTotal) {
  const std::vector<std::string> names = {"",    "0",  "00",  "1",    "01",  "a",       "a0",
                                          "a00", "a1", "a01", "a01b", "a1b", "\xc3\xa9"};
  for (const auto& a : names) {
    for (const auto& b : names) {
      EXPECT_EQ(natural_less(a, b) + natural_less(b, a), a == b ? 0 : 1) << a << " " << b;
      for (const auto& c : names) {
        const bool chain = natural_less(a, b) && natural_less(b, c);
        EXPECT_TRUE(!chain || natural_less(a, c)) << a << " " << b << " " << c;
      }
    }
  }
}

}  // namespace
}  // namespace smlp
