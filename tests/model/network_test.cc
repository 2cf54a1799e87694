#include "model/network.h"

#include <gmock/gmock.h>

namespace smlp {
namespace {

using testing::Contains;
using testing::Pair;

// A network of as many blocks, of which the first ones have FC1 in int8.
Network with_fc1_in_int8(int blocks, int in_int8) {
  Network network;
  network.precision = Precision::int8;
  network.blocks.resize(static_cast<std::size_t>(blocks));
  for (int b = 0; b < in_int8; ++b) network.blocks[static_cast<std::size_t>(b)].fc1.int8.inputs = {{.scale = 0.5F}};
  return network;
}

TEST(OperatorPrecisions, AProductInInt8SaysInHowManyBlocksUnlessInAll) {
  EXPECT_THAT(operator_precisions(with_fc1_in_int8(3, 3)), Contains(Pair("FC1", "int8")));
  EXPECT_THAT(operator_precisions(with_fc1_in_int8(1, 1)), Contains(Pair("FC1", "int8")));
  EXPECT_THAT(operator_precisions(with_fc1_in_int8(3, 2)), Contains(Pair("FC1", "int8 (2 of 3), bf16")));
  EXPECT_THAT(operator_precisions(with_fc1_in_int8(3, 0)), Contains(Pair("FC1", "bf16")));
  EXPECT_THAT(operator_precisions(with_fc1_in_int8(3, 3)), Contains(Pair("FC2", "bf16")));
}

}  // namespace
}  // namespace smlp
