// The cases of expected.txt, which make_fixtures.py wrote with Pillow.
#pragma once

#include <cstddef>
#include <fstream>
#include <iterator>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "support/source_dir.h"

namespace smlp {

inline std::string image_test_folder() { return source_dir() / "tests/image/"; }

// The words of every line that starts with `kind`, without it.
inline std::vector<std::vector<std::string>> expected_cases(const std::string& kind) {
  std::ifstream file(image_test_folder() + "expected.txt");
  std::vector<std::vector<std::string>> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream stream(line);
    std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
    if (words.empty() || words.front() != kind) continue;
    words.erase(words.begin());
    cases.push_back(std::move(words));
  }
  return cases;
}

inline std::vector<std::byte> read_fixture(const std::string& name) {
  std::ifstream file(image_test_folder() + "fixtures/" + name, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

template <class T>
std::string sha256_of(const std::vector<T>& values) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(values)));
  return hash.hex();
}

}  // namespace smlp
