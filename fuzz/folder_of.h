// A folder of small files that a reader looks for by name.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace smlp {

class FolderOf {
 public:
  FolderOf() {
    const std::filesystem::path memory = "/dev/shm";
    std::error_code code;
    const auto parent = std::filesystem::is_directory(memory, code) ? memory : std::filesystem::temp_directory_path();
    std::string pattern = (parent / "smlp-fuzz-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  FolderOf(const FolderOf&) = delete;
  FolderOf& operator=(const FolderOf&) = delete;
  ~FolderOf() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

  // Writes the file, over another of this name, and its folders.
  void put(const std::filesystem::path& name, std::string_view content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream file(path_ / name, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file.flush()) std::abort();
  }

 private:
  std::filesystem::path path_;
};

}  // namespace smlp
