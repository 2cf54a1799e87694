#include "server/request_body.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "formats/inflate.h"

namespace smlp::server {
namespace {

constexpr std::size_t kFirstRoom = 16 << 10;

}  // namespace

void RequestBody::Free::operator()(std::byte* memory) const { std::free(memory); }

Answer<void> RequestBody::reserve(std::size_t bytes) {
  if (bytes > limit_) return refuse(413, "a body of {} bytes; at most {} are taken", bytes, limit_);
  if (memory_ != nullptr && bytes <= capacity_) return {};
  const std::size_t whole = (lead_ + bytes + kBodyPadding + 63) / 64 * 64;
  std::unique_ptr<std::byte, Free> memory(static_cast<std::byte*>(std::aligned_alloc(64, whole)));
  if (memory == nullptr) return refuse(503, "out of memory");
  if (size_ > 0) std::memcpy(memory.get() + lead_, memory_.get() + lead_, size_);
  memory_ = std::move(memory);
  capacity_ = bytes;
  return {};
}

Answer<std::span<std::byte>> RequestBody::room() {
  if (memory_ == nullptr || size_ == capacity_) {
    if (size_ == limit_) return refuse(413, "a body of more than {} bytes", limit_);
    if (auto more = reserve(std::min(limit_, std::max(kFirstRoom, 2 * size_))); !more) {
      return std::unexpected(more.error());
    }
  }
  return std::span(memory_.get() + lead_ + size_, capacity_ - size_);
}

Answer<void> RequestBody::inflate(std::string_view encoding) try {
  const bool gzip = encoding == "gzip" || encoding == "x-gzip";
  Inflater inflater(bytes(), gzip ? DeflateWrapper::gzip : DeflateWrapper::zlib);
  RequestBody plain(0, limit_);
  plain.lead_ = lead_;
  while (!inflater.finished()) {
    const auto room = plain.room();
    if (!room) return std::unexpected(room.error());
    const auto made = inflater.fill(*room);
    if (!made) return refuse(400, "the body is not valid {} data", encoding);
    plain.filled(*made);
  }
  if (!inflater.at_end()) return refuse(400, "bytes follow the {} data of the body", encoding);
  *this = std::move(plain);
  return {};
} catch (const std::bad_alloc&) {
  return refuse(503, "out of memory");
}

}  // namespace smlp::server
