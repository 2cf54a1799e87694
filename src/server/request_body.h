// The memory that a request's body is read into, once, and used from.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "server/reply.h"

namespace smlp::server {

inline constexpr std::size_t kBodyPadding = 64;  // readable bytes behind the body, for readers that look ahead

// Grows while it is filled. Where the length of the JSON part is known, the body begins so that what follows the JSON
// is aligned: a tensor is used where it lies.
//
//   | 0 to 63 bytes | JSON ... | tensor (64-byte aligned) ... | padding |
class RequestBody {
 public:
  // `json_bytes`: of the part before the tensors, 0 for none. `limit`: the largest body there may be.
  RequestBody(std::size_t json_bytes, std::size_t limit) : lead_((64 - json_bytes % 64) % 64), limit_(limit) {}

  // Room for a body of this size. Memory of large bodies is the system's to give as it is written to, so a client that
  // announces much and sends little takes little.
  Answer<void> reserve(std::size_t bytes);
  // Where the next bytes go; never empty. Refuses beyond the limit.
  Answer<std::span<std::byte>> room();
  void filled(std::size_t bytes) { size_ += bytes; }

  std::span<const std::byte> bytes() const { return {memory_.get() + lead_, size_}; }

  // Replaces a body that came compressed ("gzip" or "deflate") by what it inflates to, at most the limit.
  Answer<void> inflate(std::string_view encoding);

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t lead_, limit_, capacity_ = 0, size_ = 0;
};

}  // namespace smlp::server
