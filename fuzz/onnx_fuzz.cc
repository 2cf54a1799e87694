// Any bytes as an ONNX file: imported, and its weights listed, in a folder that holds external data.
#include <cstdint>
#include <span>

#include "formats/onnx_import.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const std::filesystem::path folder = SMLP_FUZZ_FOLDER;
  (void)smlp::import_onnx(bytes, folder);
  if (const auto file = smlp::list_onnx_tensors(bytes, folder)) {
    for (const auto& tensor : file->tensors) {
      if (tensor.elements() < 1 << 20) (void)tensor.to_float();
    }
  }
  return 0;
}
