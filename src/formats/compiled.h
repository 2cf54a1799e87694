// `.smlp`: a network as it runs, in a safetensors file that any safetensors reader opens.
//
// Tensors: stem.S, block.B.{pre.scale, pre.shift, depthwise.weight, depthwise.bias, mix_width.weight, ...}, head.weight,
// head.bias; row-major, shaped as Dense says. The big matrices (stem, mix, fuse, fc1, fc2, head) are F32 or BF16 after
// the precision, everything else F32. Metadata: smlp.format, smlp.config, smlp.classes, smlp.preprocess,
// smlp.precision, smlp.gelu, smlp.source, smlp.source_sha256.
#pragma once

#include <filesystem>

#include "model/network.h"
#include "model/tensor.h"

namespace smlp {

// Writes to a temporary file beside `path` and renames it: the file is whole or absent.
Result<void> write_compiled(const Network& network, const std::filesystem::path& path);

// True where the metadata says that a safetensors file is a compiled network and no state dict.
bool is_compiled(const TensorFile& file);

// The inverse of write_compiled(). Errors name the missing, extra or wrong-shaped tensor or the bad metadata.
Result<Network> read_compiled(const TensorFile& file);

// Class names and preprocessing that a safetensors state dict carries (tools/train/train.py writes them); without
// them, class names are left empty and preprocessing follows the picture size. Both are checked against the
// configuration: as many names as classes, a crop of the picture size.
Result<void> apply_metadata(const TensorFile& file, Network& network);

}  // namespace smlp
