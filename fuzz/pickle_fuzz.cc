#include "formats/pickle.h"
#include "formats/torch_tensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  smlp::ByteReader reader(bytes);
  const auto pickle = smlp::read_pickle(reader);
  if (!pickle) return 0;
  const auto storage = [&](const smlp::TorchStorageId& id) -> smlp::Result<std::span<const std::byte>> {
    if (static_cast<std::uint64_t>(id.bytes()) > size) return smlp::fail("too short");
    return bytes;
  };
  smlp::TensorFile file;
  static_cast<void>(smlp::collect_tensors(*pickle, storage, file));
  for (const smlp::Tensor& tensor : file.tensors) static_cast<void>(tensor.to_float());
  return 0;
}
