// Compression of answers in memory.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "formats/inflate.h"

namespace smlp {

// `text` as deflate data in a wrapper, at zlib's fastest level. Nothing where there is no memory.
std::optional<std::string> deflated(std::string_view text, DeflateWrapper wrapper);

}  // namespace smlp
