// Whether there is a file to read, without opening it: where opening takes long, that is asked for many files first.
#pragma once

#include <filesystem>

#include "base/open_file.h"

namespace smlp {

// What open_regular() would find under this name, and its errors.
Result<FileStamp> check_regular(const std::filesystem::path& path);

}  // namespace smlp
