#include "tasks/pictures.h"

#include "data/input_words.h"
#include "data/picture_files.h"

namespace smlp {

Result<std::vector<std::filesystem::path>> expand_pictures(std::string_view word) {
  SMLP_TRY(paths, input_paths(word));
  std::vector<std::filesystem::path> files;
  for (const std::filesystem::path& path : paths) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) {
      files.push_back(path);
      continue;
    }
    SMLP_TRY(pictures, list_pictures(path));
    files.insert(files.end(), pictures.begin(), pictures.end());
  }
  return files;
}

}  // namespace smlp
