// What the ONNX tests share.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "model/state_dict.h"
#include "support/generator.h"

namespace smlp::test {

// BN2 folded into the depthwise convolution, in double, as exporters do in evaluation mode.
inline Weights with_bn2_folded(Weights weights) {
  for (BlockWeights& block : weights.blocks) {
    BatchNorm& norm = block.bn2;
    for (std::size_t c = 0; c < norm.weight.size(); ++c) {
      const double scale = norm.weight[c] / std::sqrt(static_cast<double>(norm.variance[c]) + norm.epsilon);
      for (std::size_t i = 9 * c; i < 9 * c + 9; ++i) {
        block.depthwise[i] = static_cast<float>(block.depthwise[i] * scale);
      }
      norm.bias[c] = static_cast<float>(norm.bias[c] - scale * norm.mean[c]);
      norm.weight[c] = norm.variance[c] = 1;
      norm.mean[c] = 0;
    }
    norm.epsilon = 0;
  }
  return weights;
}

// Every tensor equal, those of the depthwise convolution and its normalisation within `tolerance` of their largest.
inline void expect_same_weights(Weights& got, Weights& want, double tolerance = 0) {
  ASSERT_EQ(got.config, want.config);
  const auto got_entries = state_dict_entries(got), want_entries = state_dict_entries(want);
  ASSERT_EQ(got_entries.size(), want_entries.size());
  for (std::size_t i = 0; i < got_entries.size(); ++i) {
    if (got_entries[i].values == nullptr) continue;
    const std::string& key = got_entries[i].key;
    const std::vector<float>&a = *got_entries[i].values, &b = *want_entries[i].values;
    ASSERT_EQ(a.size(), b.size()) << key;
    const bool folds = key.contains("conv_merge.Conv") || key.contains(".1.BN.");
    double largest = 0;
    for (const float value : b) largest = std::max(largest, std::abs(static_cast<double>(value)));
    for (std::size_t e = 0; e < a.size(); ++e) {
      const double difference = std::abs(static_cast<double>(a[e]) - b[e]);
      ASSERT_TRUE(difference <= (folds ? tolerance * largest : 0))
          << key << " element " << e << ": " << a[e] << ", " << b[e];
    }
  }
  for (std::size_t b = 0; b < got.blocks.size(); ++b) {
    EXPECT_EQ(got.blocks[b].bn1.epsilon, want.blocks[b].bn1.epsilon);
    EXPECT_EQ(got.blocks[b].bn2.epsilon, want.blocks[b].bn2.epsilon);
    EXPECT_EQ(got.blocks[b].norm.epsilon, want.blocks[b].norm.epsilon);
  }
  EXPECT_EQ(got.head_norm.epsilon, want.head_norm.epsilon);
}

}  // namespace smlp::test
