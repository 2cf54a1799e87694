#include "tasks/pictures.h"

#include "data/picture_files.h"

namespace smlp {

Result<std::vector<std::filesystem::path>> expand_pictures(const std::filesystem::path& file_or_folder) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file_or_folder, ignored)) return list_pictures(file_or_folder);
  return std::vector{file_or_folder};
}

}  // namespace smlp
