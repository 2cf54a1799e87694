// The tensors in what torch.save pickled, whatever dicts, lists and namespaces they are nested in.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "formats/pickle.h"
#include "formats/torch_types.h"
#include "model/tensor.h"

namespace smlp {

// A pickle's persistent id: ("storage", type, key, location, elements) with, in legacy files, a view of the storage.
struct TorchStorageId {
  const TorchType* type = nullptr;
  std::string_view key = {};
  std::int64_t elements = 0;
  struct View {
    std::int64_t offset = 0, elements = 0;
  };
  std::optional<View> view = {};

  std::int64_t bytes() const { return elements * type->size; }
};

// Of a value of kind `persistent`. Errors: not a storage, a negative or overflowing size.
Result<TorchStorageId> read_storage_id(const Pickle& pickle, const PickleValue& persistent);

// The bytes of a storage, at least id.bytes() of them.
using TorchStorageReader = std::function<Result<std::span<const std::byte>>(const TorchStorageId& id)>;

// Appends every tensor to `file`, in the order of the file. A dict that is referred to from several places is visited
// once. Views are checked against their storages. Errors name the tensor.
Result<void> collect_tensors(const Pickle& pickle, const TorchStorageReader& read_storage, TensorFile& file);

}  // namespace smlp
