// Preprocessing other than the model's own, in timm's terms.
#pragma once

#include <array>
#include <optional>

#include "base/result.h"
#include "smlp/preprocess.h"

namespace smlp {

struct PreprocessOverrides {
  std::optional<int> img_size;
  std::optional<double> crop_pct;  // resize = floor(size / crop_pct), as timm computes it
  std::optional<Interpolation> interpolation;
  std::optional<std::array<float, 3>> mean, std;

  bool operator==(const PreprocessOverrides&) const = default;
};

// `how` with what is overridden. `network_size` is the side that the network takes (0: no network, any size goes);
// img_size must agree with it: sMLPNet's mixing layers are matrices of the grid's size.
Result<Preprocess> with_overrides(Preprocess how, const PreprocessOverrides& overrides, int network_size);

}  // namespace smlp
