// What safetensors files say about their network beside its tensors: `.smlp` files and the state dicts that
// tools/train/train.py writes.
//
//   smlp.config      {"dim", "alpha", "patch", "image", "channels", "classes", "depths": [..]}
//   smlp.classes     ["tench, Tinca tinca", ...], one name per class, synonyms after commas
//   smlp.wnids       ["n01440764", ...], one WordNet id per class
//   smlp.preprocess  {"resize", "crop", "interpolation": "bicubic", "mean": [3], "std": [3]}
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "model/network.h"
#include "model/tensor.h"

namespace smlp {

using Metadata = std::map<std::string, std::string>;

// The keys above, and smlp.precision, smlp.gelu, smlp.source, smlp.source_sha256.
Metadata describe_network(const Network& network);

Result<Config> parse_config(std::string_view json);

// Those of the keys above that say how the network is used and that its configuration does not: names, ids and
// preprocessing, as far as the file has them. They go along when a network is written in another format.
Result<Metadata> describe_use(const TensorFile& file, const Config& config);

// Sets class names, WordNet ids and preprocessing from a file's metadata. Without them, names and ids are left empty
// and preprocessing follows the picture size. Errors: as many names and ids as classes and a crop of the picture size
// are needed, and smlp.config, where there is one, must agree with the network.
Result<void> apply_metadata(const TensorFile& file, Network& network);

}  // namespace smlp
