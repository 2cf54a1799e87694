// What somebody types for inputs -> the paths that are meant.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace smlp {

struct NamedPath {
  std::filesystem::path path;
  std::string label = {};  // of a list's line; empty: none
  int line = 0;            // of a list; 0: typed
};

struct NamedPaths {
  std::vector<NamedPath> paths;
  std::string list = {};  // the list's name, "standard input" for -; empty where there is none
};

// `word` is a path; several with commas between; one with braces, shard-{000..004}.tar; @FILE, a list of paths with or
// without labels (see parse_list()); or - for a list on standard input. Whatever exists under its whole name, commas,
// braces and @ included, is that one path. A path of a list is one path, whatever it contains.
// Errors: a list that cannot be read, that names nothing or that means two things; a word that names nothing.
Result<NamedPaths> input_paths(std::string_view word);

}  // namespace smlp
