// The network as it runs: everything that folds exactly is folded. This is what a `.smlp` file holds.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/precision.h"
#include "model/config.h"
#include "model/values.h"
#include "smlp/preprocess.h"

namespace smlp {

// y = scale * x + shift, per channel.
struct Affine {
  std::vector<float> scale, shift;
};

// y = weight x + bias; weight (outputs, inputs) row-major; an empty bias means none.
struct Dense {
  int outputs = 0, inputs = 0;
  Values weight;
  std::vector<float> bias;
};

struct FoldedBlock {
  Affine pre;          // BN1: sits between a residual and a GELU, so it stays
  Dense depthwise;     // (C, 9) with bias: BN2 folded in
  Dense mix_width;     // (h, h)
  Dense mix_height;    // (h, h)
  Dense fuse;          // (C, 3C), no bias
  float norm_epsilon;  // LayerNorm; its weight and bias are folded into fc1
  Dense fc1;           // (alpha C, C)
  Dense fc2;           // (C, alpha C)
};

struct Network {
  Config config;
  std::vector<Dense> stems;  // (channels, k*k*inputs): columns ordered (input channel, row, column), as PyTorch's
  std::vector<FoldedBlock> blocks;
  Dense head;  // (classes, features): the last BN folded in

  Precision precision = Precision::fp32;
  GeluPrecision gelu = GeluPrecision::high_precision;
  int batch = 0;                         // pictures in one execution where nobody says; 0: unset
  std::vector<std::string> class_names;  // empty, or one per class
  std::vector<std::string> wnids;        // "n01440764"; empty, or one per class
  Preprocess preprocess;
  std::string source_name, source_sha256;  // the file this came from
};

// What each kind of operator computes in, in the network's order: {"patch embedding", "bf16"}, ..., {"GELU",
// "high_precision"}. Sums are float32 everywhere.
std::vector<std::pair<std::string_view, std::string_view>> operator_precisions(const Network& network);

}  // namespace smlp
