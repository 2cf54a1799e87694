// The samples of an archive, whose members' names are the lines of the input. Labels are what the last line says.
#include <sys/mman.h>

#include <unordered_set>

#include "data/archive_pictures.h"
#include "support/tar_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string content(text.substr(std::min(text.find_last_of('\n') + 1, size)));
  std::string bytes;
  for (int count = 0; !text.empty() && count < 50; ++count) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    bytes += smlp::test::member({.name = std::string(text.substr(0, std::min<std::size_t>(end, 99)))}, content);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const smlp::FileHandle file(::memfd_create("tar", 0));
  if (!smlp::write_all(file, std::as_bytes(std::span(bytes)), "tar")) return 0;
  const auto archive = smlp::TarArchive::open(fmt::format("/proc/self/fd/{}", file.get()));
  if (!archive) return 0;
  const auto listing = smlp::list_archive(*archive);
  if (!listing) return 0;
  const auto reader = archive->reader();
  if (!reader) std::abort();
  std::unordered_set<std::size_t> seen;
  for (const smlp::ArchivePicture& picture : listing->pictures) {
    if (!seen.insert(picture.member).second) std::abort();
    if (!picture.label_member) continue;
    if (!listing->shard || !seen.insert(*picture.label_member).second) std::abort();
    const auto label = smlp::read_sample_label(*archive, **reader, *picture.label_member);
    if (label && label->empty()) std::abort();
  }
  for (const std::size_t other : listing->others) {
    if (!seen.insert(other).second) std::abort();
  }
  return 0;
}
