#include "server/request_body.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>

namespace smlp::server {
namespace {

void fill(RequestBody& body, std::string_view text, std::size_t piece = 1 << 20) {
  while (!text.empty()) {
    const auto room = body.room();
    ASSERT_TRUE(room) << room.error().message;
    ASSERT_FALSE(room->empty());
    const std::size_t bytes = std::min({text.size(), room->size(), piece});
    std::memcpy(room->data(), text.data(), bytes);
    body.filled(bytes);
    text.remove_prefix(bytes);
  }
}

std::string_view text_of(const RequestBody& body) {
  return {reinterpret_cast<const char*>(body.bytes().data()), body.bytes().size()};
}

std::string some_bytes(std::size_t count) {
  std::string text(count, '\0');
  for (std::size_t i = 0; i < count; ++i) text[i] = static_cast<char>(i * i >> 3);
  return text;
}

std::string packed(std::string_view plain, int window_bits) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(RequestBody, TensorsBehindTheJsonAreAligned) {
  for (const std::size_t json : {0, 1, 63, 64, 65, 200}) {
    RequestBody body(json, 1 << 20);
    fill(body, some_bytes(300));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(body.bytes().data() + json) % 64, 0u) << json;
    EXPECT_EQ(text_of(body), some_bytes(300));
  }
}

TEST(RequestBody, GrowsToItsLimitAndNoFurther) {
  const std::string text = some_bytes(100'000);
  for (const std::size_t piece : {1u, 4096u, 1u << 20}) {
    RequestBody body(7, text.size());
    fill(body, text, piece);
    EXPECT_EQ(text_of(body), text);
    const auto room = body.room();
    ASSERT_FALSE(room);
    EXPECT_EQ(room.error().status, 413);
  }
  RequestBody small(0, 1000);
  ASSERT_TRUE(small.reserve(1000));
  EXPECT_EQ(small.reserve(1001).error().status, 413);
  EXPECT_EQ(small.reserve(std::numeric_limits<std::size_t>::max()).error().status, 413);
}

TEST(RequestBody, InflatesWhatCameCompressed) {
  const std::string text = some_bytes(50'000);
  for (const auto& [coding, bits] : {std::pair("gzip", 31), std::pair("x-gzip", 31), std::pair("deflate", 15)}) {
    RequestBody body(9, 1 << 20);
    fill(body, packed(text, bits));
    const auto inflated = body.inflate(coding);
    ASSERT_TRUE(inflated) << inflated.error().message;
    EXPECT_EQ(text_of(body), text);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(body.bytes().data() + 9) % 64, 0u);
  }
}

TEST(RequestBody, RefusesWhatIsNotWhole) {
  const std::string good = packed(some_bytes(5000), 31);
  std::string flipped = good;
  flipped[good.size() - 6] = static_cast<char>(flipped[good.size() - 6] ^ 1);  // of the checksum
  for (const std::string& bytes : {std::string("no gzip at all"), good.substr(0, good.size() / 2),
                                   good.substr(0, good.size() - 1), good + "x", good + good, flipped, std::string()}) {
    RequestBody body(0, 1 << 20);
    fill(body, bytes);
    const auto inflated = body.inflate("gzip");
    ASSERT_FALSE(inflated) << bytes.size();
    EXPECT_EQ(inflated.error().status, 400);
  }
}

TEST(RequestBody, ABombStopsAtTheLimit) {
  RequestBody body(0, 1 << 20);
  fill(body, packed(std::string(64 << 20, '\0'), 31));
  EXPECT_LT(body.bytes().size(), 100'000u);
  const auto inflated = body.inflate("gzip");
  ASSERT_FALSE(inflated);
  EXPECT_EQ(inflated.error().status, 413);
}

}  // namespace
}  // namespace smlp::server
