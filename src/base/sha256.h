// SHA-256 (FIPS 180-4), to name files by their content.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/result.h"

namespace smlp {

class Sha256 {
 public:
  void update(std::span<const std::byte> bytes);
  // The digest of everything so far as 64 hexadecimal digits; called once, last.
  std::string hex();

 private:
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> pending_ = {};  // the first bytes_ % 64 of it wait for a full block
  std::uint64_t bytes_ = 0;
};

// Of bytes in memory.
std::string sha256_of(std::span<const std::byte> bytes);

// Of a whole file; errors name it.
Result<std::string> sha256_file(const std::filesystem::path& path);

}  // namespace smlp
