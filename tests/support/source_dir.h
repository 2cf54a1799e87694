// Where the source tree is. Only source_dir.cc knows: a path among the compiler's flags would keep ccache from sharing
// the tests' objects between checkouts.
#pragma once

#include <filesystem>

namespace smlp {

std::filesystem::path source_dir();

}  // namespace smlp
