#include "base/folder.h"

#include <dirent.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "base/no_throw.h"
#include "base/system_error.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

fs::file_type type_of(unsigned char type) {
  switch (type) {
    case DT_REG:
      return fs::file_type::regular;
    case DT_DIR:
      return fs::file_type::directory;
    case DT_LNK:
      return fs::file_type::symlink;
    default:
      return fs::file_type::unknown;
  }
}

}  // namespace

bool FolderEntry::is_link() const noexcept {
  if (type != fs::file_type::unknown) return type == fs::file_type::symlink;
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() == fs::file_type::symlink;
}

fs::file_type FolderEntry::target() const noexcept {
  if (type != fs::file_type::unknown && type != fs::file_type::symlink) return type;
  std::error_code ignored;
  return fs::status(path, ignored).type();
}

Result<std::vector<FolderEntry>> folder_entries(const fs::path& folder) {
  return no_throw([&]() -> Result<std::vector<FolderEntry>> {
    const std::unique_ptr<DIR, CloseFolder> open(::opendir(folder.c_str()));
    if (!open) return system_error("list the folder", errno, folder);
    std::vector<FolderEntry> entries;
    for (;;) {
      errno = 0;
      const dirent* const entry = ::readdir(open.get());
      if (entry == nullptr && errno != 0) return system_error("list the folder", errno, folder);
      if (entry == nullptr) return entries;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") entries.push_back({folder / name, type_of(entry->d_type)});
    }
  });
}

}  // namespace smlp
