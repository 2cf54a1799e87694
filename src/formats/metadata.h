// What safetensors files say about their network beside its tensors: `.smlp` files and the state dicts that
// tools/train/train.py writes.
//
//   smlp.config      {"dim", "alpha", "patch", "image", "channels", "classes", "depths": [..]}
//   smlp.classes     ["tench", ...], one name per class
//   smlp.preprocess  {"resize", "crop", "interpolation": "bicubic", "mean": [3], "std": [3]}
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/network.h"
#include "model/tensor.h"

namespace smlp {

using Metadata = std::map<std::string, std::string>;

// The three keys above, and smlp.precision, smlp.gelu, smlp.source, smlp.source_sha256.
Metadata describe_network(const Network& network);

Result<Config> parse_config(std::string_view json);

// Sets class names and preprocessing from a file's metadata. Without them, class names are left empty and preprocessing
// follows the picture size. Errors: as many names as classes and a crop of the picture size are needed, and
// smlp.config, where there is one, must agree with the network.
Result<void> apply_metadata(const TensorFile& file, Network& network);

}  // namespace smlp
