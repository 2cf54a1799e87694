#include "model/network.h"

namespace smlp {

std::vector<std::pair<std::string_view, std::string_view>> operator_precisions(const Network& network) {
  const std::string_view dense = precision_name(network.precision), single = precision_name(Precision::fp32);
  return {{"patch embedding", dense},
          {"batch normalization", single},
          {"depthwise convolution", single},
          {"mixing", dense},
          {"fuse", dense},
          {"layer normalization", single},
          {"FC1", dense},
          {"FC2", dense},
          {"head", dense},
          {"residual stream", single},
          {"GELU", gelu_precision_name(network.gelu)}};
}

}  // namespace smlp
