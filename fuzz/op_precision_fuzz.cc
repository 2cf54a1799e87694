// op_precision.ini
#include "file_of.h"
#include "tasks/op_precision.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const smlp::FileOf file(data, size);
  static_cast<void>(smlp::read_op_precision(file.path()));
  return 0;
}
