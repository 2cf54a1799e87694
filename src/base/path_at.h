// Where a file is, for openat(2) and its like: an ordinary path, or a name below a folder that is held open. Whoever
// renames the held folder, or puts a link or another folder under its name, does not lead such a name elsewhere.
#pragma once

#include <fcntl.h>

#include <concepts>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace smlp {

struct PathAt {
  PathAt() = default;
  template <std::convertible_to<std::filesystem::path> Path>
  PathAt(const Path& path) : name(path), shown(name) {}
  // Of the folder behind `held`, a descriptor that must outlive this; for what is in it: PathAt(held, directory) / "x".
  PathAt(int held, std::filesystem::path directory) : folder(held), shown(std::move(directory)) {}

  PathAt operator/(std::string_view part) const { return {folder, name / part, shown / part}; }
  PathAt sibling(std::string_view part) const {
    return {folder, name.parent_path() / part, shown.parent_path() / part};
  }

  int folder = AT_FDCWD;
  std::filesystem::path name;   // relative to `folder`; empty for the folder itself
  std::filesystem::path shown;  // as the user knows it: for errors, and for whoever only reads

 private:
  PathAt(int at, std::filesystem::path below, std::filesystem::path known)
      : folder(at), name(std::move(below)), shown(std::move(known)) {}
};

}  // namespace smlp
