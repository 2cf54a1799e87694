// What the picture arguments of a command stand for.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace smlp {

// Files and folders as input_paths() finds them in `word`. A folder is all the pictures in it and in its subfolders, in
// natural order; anything else is itself, whether it exists or not. Errors: a folder without pictures, or one that
// cannot be listed; a list that cannot be read.
Result<std::vector<std::filesystem::path>> expand_pictures(std::string_view word);

}  // namespace smlp
