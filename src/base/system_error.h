// What the operating system refused, as an Error.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace smlp {

// system_error("write", ENOSPC, path): "PATH: cannot write: No space left on device; free some space or choose another
// folder"
std::unexpected<Error> system_error(std::string_view doing, int code, const std::filesystem::path& path);

// An empty path, as from a shell variable that is not set, names nothing; it never means "the default".
std::unexpected<Error> empty_path_error();

}  // namespace smlp
