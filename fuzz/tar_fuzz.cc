#include <sys/mman.h>
#include <unistd.h>

#include "data/tar_archive.h"

// An archive is read through its file, so the bytes go into one that lives in memory.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const smlp::FileHandle file(::memfd_create("tar", 0));
  if (!smlp::write_all(file, std::as_bytes(std::span(data, size)), "tar")) return 0;
  const auto archive = smlp::TarArchive::open(fmt::format("/proc/self/fd/{}", file.get()));
  if (!archive) return 0;
  for (const smlp::TarMember& member : archive->members()) {
    const auto bytes = archive->read(member, 1 << 20);
    if (bytes && bytes->size() != member.bytes) __builtin_trap();
    if (!bytes && member.bytes <= 1 << 20) __builtin_trap();
  }
  return 0;
}
