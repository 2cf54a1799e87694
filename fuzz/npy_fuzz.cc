#include "data/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto array = smlp::NpyArray::parse(std::as_bytes(std::span(data, size)));
  if (!array) return 0;
  static_cast<void>(array->to_floats());
  static_cast<void>(array->to_integers());
  static_cast<void>(array->floats());
  return 0;
}
