// `.smlp`: a network as it runs, in a safetensors file that any safetensors reader opens.
//
// Tensors: stem.S.weight; block.B.{pre.scale, pre.shift, depthwise, mix_width, mix_height, fuse, fc1, fc2}, each of the
// last six with .weight (outputs, inputs) and all but fuse with .bias; norm_epsilon (blocks); head.weight, head.bias.
// The weights of stem, mix_width, mix_height, fuse, fc1, fc2 and head are F32 or BF16 after the precision, all else
// F32. In a file of int8, fuse, fc1 and fc2 of a block are each I8 or as in bf16; those of I8 always have a .bias, and
//
//   .input_scale  F32 (segments)  of each segment of inputs, one for fc1 and fc2, three for fuse (g, mixW, mixH)
//   .input_zero   U8 (segments)   an input is the byte nearest to x / input_scale + input_zero
//   .output_scale F32 (outputs)   y = output_scale * sum of weight * (byte - input_zero) + bias
//
// so that the weight of output n and an input of segment s is weight * output_scale[n] / input_scale[s].
//
// Metadata: smlp.format, smlp.config, smlp.classes, smlp.preprocess, smlp.precision, smlp.gelu, smlp.source,
// smlp.source_sha256; where the model was compiled for a batch size, smlp.batch; of int8, smlp.calibration.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/atomic_file.h"
#include "model/network.h"
#include "model/tensor.h"

namespace smlp {

// Writes to a temporary file beside `path` and renames it: the file is whole or absent.
Result<void> write_compiled(const Network& network, const std::filesystem::path& path,
                            Existing existing = Existing::replace);

// True where the metadata says that a safetensors file is a compiled network and no state dict.
bool is_compiled(const TensorFile& file);

// The same of a file's first bytes, its metadata among them.
bool looks_compiled(std::string_view start);

// The inverse of write_compiled(). Errors name the missing, extra or wrong-shaped tensor or the bad metadata.
Result<Network> read_compiled(const TensorFile& file);

}  // namespace smlp
