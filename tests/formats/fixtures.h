// The files of make_fixtures.py, and bytes made on the spot.
#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "formats/read.h"
#include "support/source_dir.h"

namespace smlp {

inline std::filesystem::path fixture(const std::string& name) { return source_dir() / "tests/formats/fixtures" / name; }

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline const nlohmann::json& expected_values() {
  static const nlohmann::json values = nlohmann::json::parse(read_text(fixture("expected.json")));
  return values;
}

// What PyTorch read in one file, for those that hold tensors.
inline std::vector<std::string> checkpoint_fixtures() {
  std::vector<std::string> names;
  for (const auto& [name, value] : expected_values().items()) {
    if (value.contains("tensors")) names.push_back(name);
  }
  return names;
}

inline std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// `bytes` must outlive the answer.
inline Result<TensorFile> read_bytes(const std::string& bytes) {
  return read_tensor_bytes(Blob{bytes_of(bytes), nullptr}, "FILE");
}
Result<TensorFile> read_bytes(std::string&&) = delete;

inline std::string error_of(const std::string& bytes) {
  const auto file = read_bytes(bytes);
  return file ? "no error" : file.error().message();
}

}  // namespace smlp
