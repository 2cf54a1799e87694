// What the picture arguments of a command stand for.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"

namespace smlp {

// A folder is all the pictures in it and in its subfolders, in natural order; anything else is itself, whether it
// exists or not. Errors: a folder without pictures, or one that cannot be listed.
Result<std::vector<std::filesystem::path>> expand_pictures(const std::filesystem::path& file_or_folder);

}  // namespace smlp
