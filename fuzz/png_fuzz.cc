// Any bytes after a PNG file's first ones.
#include <algorithm>
#include <vector>

#include "decode_and_crop.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::byte kMagic[] = {std::byte{0x89}, std::byte{'P'},  std::byte{'N'},  std::byte{'G'},
                                  std::byte{0x0D}, std::byte{0x0A}, std::byte{0x1A}, std::byte{0x0A}};
  const auto bytes = std::as_bytes(std::span(data, size));
  std::vector<std::byte> file(bytes.begin(), bytes.end());
  std::copy_n(kMagic, std::min(std::size(kMagic), file.size()), file.begin());
  smlp::decode_and_crop(file);
  return 0;
}
