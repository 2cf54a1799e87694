// Decompression with the size known or bounded beforehand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "formats/budget.h"

struct z_stream_s;  // of zlib, which only inflate.cc sees

namespace smlp {

// What stands around deflate data (RFC 1951): nothing, a gzip file of one member (RFC 1952) or a zlib stream (RFC
// 1950), whose checksums are verified.
enum class DeflateWrapper { none, gzip, zlib };

// Inflates piece by piece. `input` must outlive it.
class Inflater {
 public:
  Inflater(std::span<const std::byte> input, DeflateWrapper wrapper);

  // Fills `output` as far as the data reach; returns the number of bytes. Errors: damaged or cut data;
  // a lack of memory is thrown.
  Result<std::size_t> fill(std::span<std::byte> output);
  bool finished() const { return finished_; }
  // Whether the data end here and nothing follows them. What is left of them is not inflated.
  bool at_end();

 private:
  struct End {
    void operator()(z_stream_s* stream) const;
  };
  void feed();

  std::span<const std::byte> input_;
  std::unique_ptr<z_stream_s, End> stream_;
  bool finished_ = false;
};

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
