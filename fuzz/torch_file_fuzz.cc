#include "read_all.h"

// zip, legacy and gzip are told by content; the seeds are of all kinds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  smlp::read_all(std::as_bytes(std::span(data, size)));
  return 0;
}
