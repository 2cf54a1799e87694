#include <cstring>
#include <string>

#include "read_all.h"

// The input is the header and the data; the length in front is put there, as no mutation would guess it. The first
// byte says which share of the rest is header.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint64_t length = (size - 1) * data[0] / 255;
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  file.append(reinterpret_cast<const char*>(data + 1), size - 1);
  smlp::read_all(std::as_bytes(std::span(file)));
  return 0;
}
