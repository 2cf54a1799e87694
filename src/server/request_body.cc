#include "server/request_body.h"

#include <algorithm>
#include <boost/beast/zlib/inflate_stream.hpp>
#include <cstdlib>
#include <cstring>

#include "base/byte_reader.h"

namespace smlp::server {
namespace {

namespace zlib = boost::beast::zlib;

constexpr std::size_t kFirstRoom = 16 << 10;

// Bytes before and behind the deflate data: a zlib wrapper (RFC 1950) or a gzip one (RFC 1952).
struct Wrapper {
  std::size_t head = 0, tail = 0;
};

std::optional<Wrapper> zlib_wrapper(std::span<const std::byte> bytes) {
  if (bytes.size() < 6) return std::nullopt;
  const auto first = std::to_integer<unsigned>(bytes[0]), second = std::to_integer<unsigned>(bytes[1]);
  const bool deflate = (first & 15U) == 8 && (first * 256 + second) % 31 == 0 && (second & 32U) == 0;
  return deflate ? std::optional<Wrapper>({2, 4}) : std::nullopt;
}

std::optional<Wrapper> gzip_wrapper(std::span<const std::byte> bytes) {
  constexpr std::size_t fixed = 10, tail = 8;
  const auto at = [&](std::size_t i) { return i < bytes.size() ? std::to_integer<unsigned>(bytes[i]) : 0U; };
  if (bytes.size() < fixed + tail || at(0) != 0x1f || at(1) != 0x8b || at(2) != 8) return std::nullopt;
  const unsigned flags = at(3);
  std::size_t head = fixed;
  if ((flags & 4U) != 0) head += 2 + at(head) + 256 * at(head + 1);
  for (const unsigned text : {8U, 16U}) {  // a file name, a comment: each ends with a zero
    if ((flags & text) == 0) continue;
    while (head < bytes.size() && at(head) != 0) ++head;
    ++head;
  }
  if ((flags & 2U) != 0) head += 2;
  return head + tail <= bytes.size() ? std::optional<Wrapper>({head, tail}) : std::nullopt;
}

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

Answer<void> RequestBody::inflate(std::string_view encoding) {
  const bool gzip = encoding == "gzip" || encoding == "x-gzip";
  const auto damaged = [&] { return refuse(400, "the body is not valid {} data", encoding); };
  const std::span<const std::byte> packed = bytes();
  const auto wrapper = gzip ? gzip_wrapper(packed) : zlib_wrapper(packed);
  if (!wrapper) return damaged();
  const auto data = packed.subspan(wrapper->head, packed.size() - wrapper->head - wrapper->tail);

  RequestBody plain(0, limit_);
  plain.lead_ = lead_;
  zlib::inflate_stream stream;
  zlib::z_params state{};
  state.next_in = data.data();
  state.avail_in = data.size();
  boost::system::error_code code;
  while (code != zlib::error::end_of_stream) {
    auto room = plain.room();
    if (!room) return std::unexpected(room.error());
    state.next_out = room->data();
    state.avail_out = room->size();
    stream.write(state, zlib::Flush::sync, code);
    const std::size_t made = room->size() - state.avail_out;
    plain.filled(made);
    if (code && code != zlib::error::end_of_stream) return damaged();
    if (!code && made == 0 && state.avail_in == 0) return damaged();  // it ends too soon
  }
  if (state.avail_in != 0) return damaged();
  if (gzip) {  // the last four bytes are the size
    std::uint32_t size = 0;
    std::memcpy(&size, packed.data() + packed.size() - sizeof size, sizeof size);
    if (size != static_cast<std::uint32_t>(plain.size_)) return damaged();
  }
  *this = std::move(plain);
  return {};
}

}  // namespace smlp::server
