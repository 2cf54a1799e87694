// Decompression with the size known or bounded beforehand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "formats/budget.h"

namespace smlp {

// Bytes, and what keeps them alive (a mapped file, or memory of their own).
struct Blob {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

// Raw deflate data, as in zip entries. Errors: damaged data, or not exactly `size` bytes, or more than `budget` has.
Result<Blob> inflate_deflated(std::span<const std::byte> bytes, std::uint64_t size, Budget& budget);

// A gzip file of one member.
Result<Blob> inflate_gzip(std::span<const std::byte> bytes, Budget& budget);

}  // namespace smlp
