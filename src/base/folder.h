// What a folder holds. std::filesystem's iterators end the program where memory runs out; this is an error there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace smlp {

struct FolderEntry {
  std::filesystem::path path;  // the folder's, and the name
  // What the entry itself is, a link not followed; `unknown` where a further call would have to tell.
  std::filesystem::file_type type = std::filesystem::file_type::unknown;

  std::string name() const { return path.filename().string(); }
  bool is_link() const noexcept;
  // What it leads to; `not_found` where a link leads nowhere.
  std::filesystem::file_type target() const noexcept;
  bool is_folder() const noexcept { return target() == std::filesystem::file_type::directory; }
};

// In the order of the file system, without `.` and `..`. Errors: system_error("list the folder").
Result<std::vector<FolderEntry>> folder_entries(const std::filesystem::path& folder);

}  // namespace smlp
