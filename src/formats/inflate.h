// Decompression with the size known or bounded beforehand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"

namespace smlp {

// Bytes, and what keeps them alive (a mapped file, or memory of their own).
struct Blob {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

// No file may inflate to more than this, all of its parts together: the largest network with its optimizer state in
// float64 takes a third.
inline constexpr std::uint64_t kMaxInflatedBytes = std::uint64_t{4} << 30;

// Raw deflate data, as in zip entries. Errors: damaged data, or not exactly `size` bytes.
Result<Blob> inflate_deflated(std::span<const std::byte> bytes, std::uint64_t size);

// A gzip file.
Result<Blob> inflate_gzip(std::span<const std::byte> bytes);

}  // namespace smlp
