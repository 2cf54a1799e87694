// An archive of others. The checksums of its headers are put right, as no mutation would guess them.
#include <algorithm>
#include <string>

#include "data/tar_archive.h"
#include "file_of.h"

namespace {

// Every block that looks like a header: the sum of its bytes, with spaces where the sum is, as octal digits.
void mend_checksums(std::string& file) {
  for (std::size_t at = 0; at + 512 <= file.size(); at += 512) {
    if (file.compare(at + 257, 5, "ustar") != 0) continue;
    std::fill_n(file.begin() + static_cast<std::ptrdiff_t>(at) + 148, 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(file[at + i]);
    file.replace(at + 148, 7, fmt::format("{:06o}", sum) + '\0');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  mend_checksums(bytes);
  const smlp::FileOf file(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  const auto archive = smlp::TarArchive::open(file.path());
  if (!archive) return 0;
  const auto reader = archive->reader();
  if (!reader) std::abort();
  for (const smlp::TarMember& member : archive->members()) {
    const auto content = (*reader)->read(member, 1 << 20);
    if (content && content->size() != member.bytes) std::abort();
    if (!content && member.bytes <= 1 << 20) std::abort();
  }
  return 0;
}
