#include "base/file_map.h"

#include <sys/mman.h>

#include <cerrno>

namespace smlp {

Result<std::shared_ptr<const FileMap>> FileMap::open(const std::filesystem::path& path) {
  SMLP_TRY(file, open_regular(path));
  const auto size = static_cast<std::size_t>(file.stamp.bytes);
  void* data = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.handle.get(), 0);
  if (data == MAP_FAILED) return system_error("map into memory", errno, path);
  return std::shared_ptr<const FileMap>(new FileMap(static_cast<const std::byte*>(data), file.stamp));
}

FileMap::~FileMap() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), bytes().size());
}

}  // namespace smlp
