// Inflating by hand-made deflate data: one stored block, whose bytes stand as they are.
#include "formats/inflate.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "formats/torch_types.h"

namespace smlp {
namespace {

// RFC 1951: the last block, stored; its length, and that with all bits turned.
std::vector<std::byte> stored(std::string_view text, std::string_view after = "") {
  const auto size = static_cast<std::uint8_t>(text.size());
  std::vector<std::byte> bytes = {std::byte{1}, std::byte{size}, std::byte{0}, std::byte(~size), std::byte{0xFF}};
  for (const std::string_view part : {text, after}) {
    for (const char c : part) bytes.push_back(static_cast<std::byte>(c));
  }
  return bytes;
}

std::string filled(Inflater& inflater, std::size_t size) {
  std::string out(size, '\0');
  const auto got = inflater.fill(std::as_writable_bytes(std::span(out)));
  EXPECT_TRUE(got);
  out.resize(got.value_or(0));
  return out;
}

TEST(Inflate, TheEndIsWhereTheDataEnd) {
  const auto bytes = stored("hello");
  Inflater whole(bytes, DeflateWrapper::none);
  EXPECT_EQ(filled(whole, 5), "hello");
  EXPECT_TRUE(whole.at_end());
  Inflater long_room(bytes, DeflateWrapper::none);
  EXPECT_EQ(filled(long_room, 9), "hello");
  EXPECT_TRUE(long_room.finished());
  EXPECT_TRUE(long_room.at_end());
}

TEST(Inflate, WhatIsLeftIsNoEnd) {
  for (const std::size_t size : {1, 3, 4}) {
    const auto bytes = stored("hello");
    Inflater inflater(bytes, DeflateWrapper::none);
    EXPECT_EQ(filled(inflater, size), std::string("hello").substr(0, size));
    EXPECT_FALSE(inflater.at_end()) << size;
  }
  const auto zero = stored(std::string_view("hell\0", 5));
  Inflater inflater(zero, DeflateWrapper::none);
  EXPECT_EQ(filled(inflater, 4), "hell");
  EXPECT_FALSE(inflater.at_end()) << "a byte of zero is one, too";
  const auto followed = stored("hello", "x");
  Inflater more(followed, DeflateWrapper::none);
  EXPECT_EQ(filled(more, 5), "hello");
  EXPECT_FALSE(more.at_end());
}

TEST(Inflate, CutDataAreAnError) {
  const auto bytes = stored("hello");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Inflater inflater(std::span<const std::byte>(bytes).first(size), DeflateWrapper::none);
    std::string out(5, '\0');
    EXPECT_FALSE(inflater.fill(std::as_writable_bytes(std::span(out)))) << size;
  }
}

TEST(TorchTypes, NoStorageIsWithoutAName) {
  EXPECT_EQ(find_torch_storage(""), nullptr);
  EXPECT_EQ(find_torch_storage("torch.cuda."), nullptr);
  ASSERT_NE(find_torch_storage("torch.FloatStorage"), nullptr);
  EXPECT_EQ(find_torch_storage("torch.cuda.FloatStorage"), find_torch_storage("torch.FloatStorage"));
}

}  // namespace
}  // namespace smlp
