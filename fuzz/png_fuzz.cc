// Any bytes after a PNG file's first ones. The checksums of chunks are put right, as no mutation would guess them.
#include <zlib.h>

#include <algorithm>
#include <vector>

#include "decode_and_crop.h"

namespace {

std::uint32_t number_at(const std::byte* at) {
  return std::to_integer<std::uint32_t>(at[0]) << 24 | std::to_integer<std::uint32_t>(at[1]) << 16 |
         std::to_integer<std::uint32_t>(at[2]) << 8 | std::to_integer<std::uint32_t>(at[3]);
}

// A chunk: bytes of its data, its type, the data, the checksum of type and data.
void mend_checksums(std::span<std::byte> chunks) {
  while (chunks.size() >= 12) {
    const std::size_t length = number_at(chunks.data());
    if (length > chunks.size() - 12) return;
    const auto sum = crc32_z(0, reinterpret_cast<const Bytef*>(chunks.data() + 4), 4 + length);
    for (int i = 0; i < 4; ++i) chunks[8 + length + static_cast<std::size_t>(i)] = std::byte(sum >> (24 - 8 * i));
    chunks = chunks.subspan(12 + length);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::byte kMagic[] = {std::byte{0x89}, std::byte{'P'},  std::byte{'N'},  std::byte{'G'},
                                  std::byte{0x0D}, std::byte{0x0A}, std::byte{0x1A}, std::byte{0x0A}};
  const auto bytes = std::as_bytes(std::span(data, size));
  std::vector<std::byte> file(bytes.begin(), bytes.end());
  std::copy_n(kMagic, std::min(std::size(kMagic), file.size()), file.begin());
  if (file.size() > std::size(kMagic)) mend_checksums(std::span(file).subspan(std::size(kMagic)));
  smlp::decode_and_crop(file);
  return 0;
}
