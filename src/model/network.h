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

// How a product in int8 keeps a segment of its inputs: x = scale * (byte - zero), the byte from 0 to 255.
struct InputScale {
  float scale = 1;
  int zero = 0;
  bool operator==(const InputScale&) const = default;
};

// A product in int8: y = outputs * (sum over its inputs of integer weight times (byte - zero)) + bias.
struct Int8Scales {
  std::vector<InputScale> inputs = {};  // of each segment of inputs
  std::vector<float> outputs = {};      // of each output; the scales of the inputs are in it
};

// The most inputs whose sum of products of 255 and 127 an int32 holds.
inline constexpr int kMaxInt8Inputs = 66'000;

// y = weight x + bias; weight (outputs, inputs) row-major; an empty bias means none.
struct Dense {
  int outputs = 0, inputs = 0;
  Values weight;
  std::vector<float> bias;
  // In int8: the weights are integers of -127 to 127 and stand for outputs[n] / inputs[segment].scale times themselves.
  Int8Scales int8 = {};
  bool is_int8() const { return !int8.inputs.empty(); }
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

// fuse, fc1 or fc2 of a block, which can be in int8: its name in a `.smlp`, behind "block.B.", and how many segments of
// inputs it has.
struct BlockProduct {
  std::string_view name;
  Dense FoldedBlock::* part;
  int segments;
};
inline constexpr BlockProduct kBlockProducts[] = {
    {"fuse", &FoldedBlock::fuse, 3}, {"fc1", &FoldedBlock::fc1, 1}, {"fc2", &FoldedBlock::fc2, 1}};

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
  std::string input_name = "input";        // what that file calls the pictures; not kept in a `.smlp`
  std::string calibration;                 // of int8, for people: "mse over 256 pictures"

  bool has_int8() const;  // at least one product is in int8
};

// What each kind of operator computes in, in the network's order: {"patch embedding", "bf16"}, ..., {"GELU",
// "high_precision"}; {"fuse", "int8 (9 of 12), bf16"} where blocks differ. Sums are float32, of int8 int32.
std::vector<std::pair<std::string_view, std::string>> operator_precisions(const Network& network);

}  // namespace smlp
