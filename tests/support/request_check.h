// What holds of every inference request that a server takes.
#pragma once

#include <cstdlib>
#include <functional>
#include <vector>

#include "server/infer_request.h"

namespace smlp::test {

inline bool lies_in(std::span<const std::byte> part, std::span<const std::byte> whole) {
  return std::greater_equal<>()(part.data(), whole.data()) &&
         std::less_equal<>()(part.data() + part.size(), whole.data() + whole.size());
}

// Aborts unless every picture lies in one of `memory` or in the request's own values, and tensors are whole and
// aligned.
inline void check_request(const server::InferRequest& request, const server::InputShape& shape,
                          std::vector<std::span<const std::byte>> memory) {
  memory.push_back(std::as_bytes(std::span(request.values)));
  if (request.pictures.empty() || request.pictures.size() > server::kMaxPictures) std::abort();
  if (request.classification < 0 || request.priority < 1 || request.priority > server::kPriorityLevels) std::abort();
  for (const BatcherInput& picture : request.pictures) {
    std::span<const std::byte> bytes;
    if (const auto* values = std::get_if<std::span<const float>>(&picture)) {
      if (values->size() != shape.values()) std::abort();
      if (reinterpret_cast<std::uintptr_t>(values->data()) % alignof(float) != 0) std::abort();
      bytes = std::as_bytes(*values);
    } else {
      bytes = std::get<std::span<const std::byte>>(picture);
    }
    bool found = bytes.empty();
    for (const auto whole : memory) found = found || lies_in(bytes, whole);
    if (!found) std::abort();
    for (const std::byte byte : bytes) {  // readable, says the sanitizer
      [[maybe_unused]] static volatile unsigned char sink;
      sink = static_cast<unsigned char>(byte);
    }
  }
}

}  // namespace smlp::test
