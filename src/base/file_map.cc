#include "base/file_map.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace smlp {

Result<std::shared_ptr<const FileMap>> FileMap::open(const std::filesystem::path& path) {
  auto error = [&](std::string what, std::string remedy = {}) {
    return fail(Error{.what = std::move(what), .file = path.string(), .remedy = std::move(remedy)});
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const int code = errno;
    return error(fmt::format("cannot open: {}", std::strerror(code)), code == ENOENT   ? "check the path"
                                                                      : code == EACCES ? "check the file's permissions"
                                                                                       : "");
  }
  struct stat info = {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    return error(S_ISDIR(info.st_mode) ? "is a directory, a file was expected" : "is not a regular file");
  }
  const auto size = static_cast<std::size_t>(info.st_size);
  void* data = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  const int code = errno;
  ::close(fd);
  if (data == MAP_FAILED) return error(fmt::format("cannot map into memory: {}", std::strerror(code)));
  return std::shared_ptr<const FileMap>(new FileMap(static_cast<const std::byte*>(data), size));
}

FileMap::~FileMap() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace smlp
