// Bounds-checked little-endian reading of untrusted bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/result.h"

namespace smlp {

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes, std::uint64_t base_offset = 0)
      : bytes_(bytes), base_(base_offset) {}

  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  // Offset of the next byte in the file, for error messages.
  std::uint64_t offset() const { return base_ + position_; }

  // A little-endian integer or IEEE float.
  template <class T>
  Result<T> read() {
    SMLP_TRY(raw, take(sizeof(T)));
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }

  Result<std::span<const std::byte>> take(std::uint64_t count) {
    if (count > remaining()) {
      return fail(Error{.what = fmt::format("file ends early: {} more bytes needed, {} left", count, remaining()),
                        .offset = offset(),
                        .remedy = "the file is cut off or damaged; get it again"});
    }
    auto out = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += static_cast<std::size_t>(count);
    return out;
  }

  Result<std::string_view> take_text(std::uint64_t count) {
    SMLP_TRY(raw, take(count));
    return std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size());
  }

  // The bytes up to the next newline, which is consumed and not returned (pickle's text arguments).
  Result<std::string_view> take_line() {
    const auto* text = reinterpret_cast<const char*>(bytes_.data()) + position_;
    const void* end = remaining() == 0 ? nullptr : std::memchr(text, '\n', remaining());
    if (end == nullptr) return fail(Error{.what = "file ends inside a line of text", .offset = offset()});
    const std::size_t length = static_cast<std::size_t>(static_cast<const char*>(end) - text);
    position_ += length + 1;
    return std::string_view(text, length);
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t base_;
  std::size_t position_ = 0;
};

}  // namespace smlp
