// safetensors: uint64 length, JSON header {"name": {"dtype", "shape", "data_offsets"}, "__metadata__": {...}}, data.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "model/tensor.h"

namespace smlp {

// Appends the tensors and metadata to `file`; they are views of `bytes`, which the caller keeps alive. As the format
// demands, the tensors' data must fill the file without gaps or overlaps. Errors name the tensor or the offset.
Result<void> read_safetensors(std::span<const std::byte> bytes, TensorFile& file);

struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  // row-major, little-endian, elements * dtype_size(dtype) bytes
};

// The file is whole or absent. The data start at a multiple of 64 bytes and follow each other in the given order, so
// that tensors of 4-byte elements are aligned where those of 2-byte elements come last.
Result<void> write_safetensors(const std::filesystem::path& path, std::span<const SafetensorsEntry> entries,
                               const std::map<std::string, std::string>& metadata, Existing existing = Existing::keep);

}  // namespace smlp
