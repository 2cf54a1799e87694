// Weights as numbers, whatever they are kept as.
#include "model/values.h"

#include <gtest/gtest.h>

namespace smlp {
namespace {

TEST(Values, AnIntegerThatStandsForNoNumberIsFoundWhereverItStands) {
  for (const std::size_t size : {1, 2, 7, 64}) {
    for (std::size_t at = 0; at < size; ++at) {
      std::vector<std::int8_t> integers(size, 3);
      integers[at] = 127;
      // 3e37 is a number; 127 times 1e37 is beyond float32.
      const Values values = Values::scaled(std::move(integers), {1e37F}, size);
      EXPECT_EQ(values.first_unusable(), at) << "of " << size;
    }
    EXPECT_EQ(Values::scaled(std::vector<std::int8_t>(size, 3), {1e37F}, size).first_unusable(), std::nullopt) << size;
  }
}

}  // namespace
}  // namespace smlp
