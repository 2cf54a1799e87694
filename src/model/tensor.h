// A named tensor as a file holds it, before anybody knows what it is for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace smlp {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean, other };

std::size_t dtype_size(DType type);       // bytes of one element; 0 for `other`
std::string_view dtype_name(DType type);  // "F32", as safetensors spells it

std::string shape_text(std::span<const std::int64_t> shape);  // "(80, 3, 4, 4)", "(80,)", "()"

std::vector<std::int64_t> contiguous_strides(std::span<const std::int64_t> shape);  // of a row-major tensor

// A view of a storage. Element (i0, i1, ...) lies at storage[(offset + sum i_d * strides[d]) * dtype_size].
// Readers have checked that every element lies inside the storage.
struct Tensor {
  std::string name;       // key in its own dict: "token_mix.0.1.fuse.weight"
  std::string container;  // path of the dict that holds it: "" (the file's top), "state_dict", "optimizer.state.0"
  DType dtype = DType::f32;
  std::string dtype_text;  // the file's own word for the type, for listings: "F32", "complex64"
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  // in elements
  std::int64_t offset = 0;            // in elements
  std::span<const std::byte> storage;

  std::int64_t elements() const;
  std::string shape_text() const;

  // All elements in row-major order, converted to float32 (fp64 rounds to nearest).
  Result<std::vector<float>> to_float() const;
  // The same of integers and truth values, exactly: floats hold 24 bits only. Errors: another type.
  Result<std::vector<std::int64_t>> to_integers() const;
};

// What a reader found in a file.
struct TensorFile {
  std::string path;
  std::string format;  // "PyTorch zip", "PyTorch legacy", "safetensors", "ONNX"
  std::vector<Tensor> tensors;
  std::map<std::string, std::string> metadata;      // safetensors' __metadata__
  std::vector<std::shared_ptr<const void>> owners;  // keep the storages alive
};

}  // namespace smlp
