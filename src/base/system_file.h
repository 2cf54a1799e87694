// Small text files in which the system tells of itself: /proc and /sys. Paths are strings here: how much memory is left
// is asked when there may be none, and libstdc++ 12 crashes where a path cannot allocate its parts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace smlp {

// The first line; empty where the file cannot be read.
std::string first_line(const std::string& path);

// What follows `key` and a colon or blanks on the first line that starts so: "16384 kB" of "MemTotal:   16384 kB".
// Empty where there is no such line.
std::string value_of(const std::string& path, std::string_view key);

// The number that `text` starts with: 32 of "32K"; nothing of "max".
std::optional<std::uint64_t> leading_number(std::string_view text);

}  // namespace smlp
