// What somebody types for inputs -> the files and folders that are meant.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace smlp {

// `word` is a path; several with commas between; @FILE, a list of paths; or - for a list on standard input. Whatever
// exists under its whole name, commas and @ included, is that one path. A list has a path a line, relative to the
// working folder as on a command line; blank lines are skipped, CRLF and a byte order mark are dropped, and nothing is
// a comment, since names may start with any character. A path of a list is one path, whatever it contains.
// Errors: a list that cannot be read or that names nothing, a word that names nothing.
Result<std::vector<std::filesystem::path>> input_paths(std::string_view word);

}  // namespace smlp
