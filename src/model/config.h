// The shape of an sMLPNet: everything that can be read off a checkpoint's keys and shapes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace smlp {

// Stage s works on channels(s) = dim * 2^s channels over a grid(s) x grid(s) grid, grid(s) = image / patch / 2^s.
// Halving an odd grid drops its last row and column, as a convolution of kernel and stride 2 does.
struct Config {
  int in_channels = 3;
  int dim = 80;
  int alpha = 3;  // hidden size of channel mixing / channels
  int patch = 4;
  int image = 224;
  int classes = 1000;
  std::vector<int> depths = {2, 8, 14, 2};  // blocks per stage

  int stages() const { return static_cast<int>(depths.size()); }
  int channels(int stage) const { return dim << stage; }
  int grid(int stage) const { return image / patch >> stage; }
  int hidden(int stage) const { return alpha * channels(stage); }
  int stem_kernel(int stage) const { return stage == 0 ? patch : 2; }
  int stem_inputs(int stage) const { return stage == 0 ? in_channels : channels(stage - 1); }
  int features() const { return channels(stages() - 1); }
  int blocks() const;
  // Length of one input picture, in_channels x image x image.
  std::size_t picture_floats() const {
    return static_cast<std::size_t>(in_channels) * static_cast<std::size_t>(image) * static_cast<std::size_t>(image);
  }

  // Learnable parameters (running statistics not counted) and multiply-accumulates of one picture.
  std::int64_t parameters() const;
  std::int64_t macs() const;

  // Positive and bounded numbers, whole patches, and a grid that is not used up before the last stage.
  Result<void> validate() const;

  bool operator==(const Config&) const = default;
};

// tiny: dim 80, depths 2 8 14 2; small: dim 96, depths 2 10 24 2; base: dim 112, depths 2 10 24 2; all at 224, 1000
// classes. Null for another name. `name` is the guide's: smlpnet_tiny, smlpnet_small, smlpnet_base.
const Config* find_named_config(std::string_view name);

}  // namespace smlp
