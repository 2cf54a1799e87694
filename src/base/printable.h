// Words of others on a terminal or in a log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace smlp {

// Text as a line that can neither break, nor command a terminal, nor show in another order than it is in: control
// characters (C0, DEL, C1), line and paragraph separators, marks of writing direction, invisible tags and what is not
// UTF-8 become \n, \x1b, \u202e. Everything else stays as it is.
std::string printable(std::string_view text);

// The same for a JSON text, whose strings are UTF-8 already and hold no C0 character: what remains becomes an escape of
// JSON's own, so that a reader gets the same string.
std::string printable_json(std::string_view text);

// Whether all of it is UTF-8 (RFC 3629).
bool is_utf8(std::string_view text);

// At most `bytes` bytes, in whole characters: three dots stand for what is left out of the middle.
std::string shortened(std::string_view text, std::size_t bytes);

}  // namespace smlp
