// The network's weights by role, as trained: nothing folded, everything float32, row-major.
#pragma once

#include <string>
#include <vector>

#include "model/config.h"

namespace smlp {

// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, per channel.
struct BatchNorm {
  std::vector<float> weight, bias, mean, variance;
  float epsilon = 1e-5F;
};

struct LayerNorm {
  std::vector<float> weight, bias;
  float epsilon = 1e-5F;
};

struct Linear {
  std::vector<float> weight;  // (outputs, inputs)
  std::vector<float> bias;    // (outputs)
};

struct BlockWeights {
  BatchNorm bn1;
  std::vector<float> depthwise;  // (C, 3, 3)
  BatchNorm bn2;                 // a file with BN2 folded gives bn2 = {1, its bias, 0, 1, epsilon 0}
  Linear mix_width;              // (h, h): out[j] = sum_k weight[j][k] in[k] along a row
  Linear mix_height;             // (h, h): the same along a column
  std::vector<float> fuse;       // (C, 3C), inputs in the order g, mixW, mixH
  LayerNorm norm;
  Linear fc1;  // (alpha C, C)
  Linear fc2;  // (C, alpha C)
};

struct Weights {
  Config config;
  std::vector<std::vector<float>> stems;  // stage s: (channels(s), stem_inputs(s), k, k)
  std::vector<BlockWeights> blocks;       // through all stages
  BatchNorm head_norm;
  Linear head;                       // (classes, features)
  std::string input_name = "input";  // of the pictures, as an ONNX graph calls them
};

}  // namespace smlp
