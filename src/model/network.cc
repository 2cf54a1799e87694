#include "model/network.h"

#include <fmt/format.h>

#include <algorithm>

namespace smlp {
namespace {

std::string precision_of(const Network& network, Dense FoldedBlock::* part, std::string_view otherwise) {
  const auto in_int8 =
      std::ranges::count_if(network.blocks, [&](const auto& block) { return (block.*part).is_int8(); });
  if (network.precision != Precision::int8 || in_int8 == 0) return std::string(otherwise);
  if (in_int8 == std::ssize(network.blocks)) return "int8";
  return fmt::format("int8 ({} of {}), {}", in_int8, network.blocks.size(), otherwise);
}

}  // namespace

bool Network::has_int8() const {
  return std::ranges::any_of(blocks, [](const FoldedBlock& block) {
    return std::ranges::any_of(kBlockProducts, [&](const auto& product) { return (block.*product.part).is_int8(); });
  });
}

std::vector<std::pair<std::string_view, std::string>> operator_precisions(const Network& network) {
  const Precision rest = network.precision == Precision::int8 ? Precision::bf16 : network.precision;
  const std::string dense(precision_name(rest)), single(precision_name(Precision::fp32));
  return {{"patch embedding", dense},
          {"batch normalization", single},
          {"depthwise convolution", single},
          {"mixing", dense},
          {"fuse", precision_of(network, &FoldedBlock::fuse, dense)},
          {"layer normalization", single},
          {"FC1", precision_of(network, &FoldedBlock::fc1, dense)},
          {"FC2", precision_of(network, &FoldedBlock::fc2, dense)},
          {"head", dense},
          {"residual stream", single},
          {"GELU", std::string(gelu_precision_name(network.gelu))}};
}

}  // namespace smlp
