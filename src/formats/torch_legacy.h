// PyTorch's stream format (before 1.6, and _use_new_zipfile_serialization=False since).
#pragma once

#include "model/tensor.h"

namespace smlp {

// True where `bytes` starts with a pickle of the format's magic number, whatever the pickle protocol.
bool is_torch_legacy(std::span<const std::byte> bytes);

// Appends the tensors to `file`; they are views of `bytes`, which the caller keeps alive. The layout:
//
//   pickle  0x1950a86a20f9469cfc6c
//   pickle  1001                                          the format's version
//   pickle  {"little_endian": True, "type_sizes": {...}}
//   pickle  the object, its storages by key
//   pickle  [key, key, ...]
//   for each key: int64 number of elements, elements
Result<void> read_torch_legacy(std::span<const std::byte> bytes, TensorFile& file);

}  // namespace smlp
