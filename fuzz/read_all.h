// Everything that a program does with a weights file it was given.
#pragma once

#include "formats/compiled.h"
#include "formats/read.h"
#include "model/checkpoint.h"

namespace smlp {

inline void read_all(std::span<const std::byte> bytes) {
  const auto file = read_tensor_bytes(Blob{bytes, nullptr}, "fuzz");
  if (!file) return;
  std::size_t sum = 0;
  for (const Tensor& tensor : file->tensors) {
    const auto values = tensor.to_float();
    if (values && !values->empty()) sum += static_cast<std::size_t>(values->back() == 1.0F);
  }
  static_cast<void>(weights_from_tensors(*file));
  static_cast<void>(read_compiled(*file));
  [[maybe_unused]] static volatile std::size_t sink;
  sink = sum;
}

}  // namespace smlp
