#include "base/system_file.h"

#include <charconv>
#include <fstream>

namespace smlp {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string value_of(const std::string& path, std::string_view key) {
  constexpr std::string_view kSeparators = ": \t";
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key) || line.size() == key.size()) continue;
    if (kSeparators.find(line[key.size()]) == std::string_view::npos) continue;  // a longer key
    const std::size_t start = line.find_first_not_of(kSeparators, key.size());
    return start == std::string::npos ? "" : line.substr(start);
  }
  return "";
}

std::optional<std::uint64_t> leading_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc()) return std::nullopt;
  return value;
}

}  // namespace smlp
