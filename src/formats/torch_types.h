// PyTorch's element types under the names that pickles use.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/tensor.h"

namespace smlp {

struct TorchType {
  std::string_view dtype;    // "torch.float32"; empty for the untyped storage
  std::string_view storage;  // "torch.FloatStorage"; empty where none exists
  DType type;                // `other`: listed, not converted
  std::int64_t size;         // bytes of one element

  std::string_view text() const { return dtype.substr(dtype.find('.') + 1); }  // "float32"
};

// By the names above; storages of other devices ("torch.cuda.FloatStorage") are the same types.
const TorchType* find_torch_storage(std::string_view name);
const TorchType* find_torch_dtype(std::string_view name);

}  // namespace smlp
