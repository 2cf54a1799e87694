// Tar archives, block by block.
#pragma once

#include <fmt/format.h>

#include <string>

namespace smlp::test {

struct TarHeader {
  std::string name;
  std::string size = {};  // as in the field; empty: the content's
  char type = '0';
  std::string prefix = {};
  std::string link = {};  // what a link leads to
};

inline std::string padded(std::string content) {
  content.resize((content.size() + 511) / 512 * 512);
  return content;
}

// A header of POSIX's ustar and the content behind it.
inline std::string member(const TarHeader& header, const std::string& content = {}) {
  std::string block(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) { block.replace(at, text.size(), text); };
  put(0, header.name);
  put(100, "0000644");
  put(124, header.size.empty() ? fmt::format("{:011o}", content.size()) : header.size);
  put(148, "        ");
  block[156] = header.type;
  put(157, header.link);
  put(257, std::string("ustar\0", 6) + "00");
  put(345, header.prefix);
  int sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return block + padded(content);
}

inline std::string pax(const std::string& key, const std::string& value, char type = 'x') {
  std::size_t length = key.size() + value.size() + 3;
  length += std::to_string(length + std::to_string(length).size()).size();
  return member({.name = "pax", .type = type}, fmt::format("{} {}={}\n", length, key, value));
}

inline const std::string kTarEnd(1024, '\0');

}  // namespace smlp::test
