#include "base/sha256.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "base/cpu_features.h"
#include "base/sha256_blocks.h"

namespace smlp {
namespace {

std::string hash(std::string_view text, std::size_t piece) {
  Sha256 h;
  for (std::size_t i = 0; i < text.size(); i += piece) h.update(std::as_bytes(std::span(text.substr(i, piece))));
  return h.hex();
}

// The examples of FIPS 180-2, appendix B, and NIST's for the empty message.
TEST(Sha256, PublishedExamples) {
  EXPECT_EQ(hash("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash("abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 100),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hash(std::string(1'000'000, 'a'), 4096),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Lengths at which the padding fits just so, or needs another block; the digests are those of Python's hashlib.
TEST(Sha256, LengthsAroundTheEndsOfBlocks) {
  const std::pair<std::size_t, std::string_view> expected[] = {
      {1, "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"},
      {55, "81afe5b788dc2ce138ff83d9b20164db75a94d75d2b2432eea4a0ef605088c72"},
      {56, "2aba54f0ac632420a2b502431408866e40e1d5e430df4cd822642c78ab2eb9c1"},
      {57, "903284efbf9100e8ba1614ec65eacacad125e03f857cae7acbf8b73b23e0fdfe"},
      {63, "733d3d4ee79ee67145bf73da13588f6f235d37414fc64b14a2f00f1762792f5e"},
      {64, "79322907b3e9d013d7dc2c2f256674dbf733045cde01df3539271c6f5605feb8"},
      {65, "d85c007c6eb440f085afa2b84f6f2bce4658b240e9f62cb1364bf0485a57e720"},
      {119, "6c87eedf096b345de205b702e5223b73b447a3207791ded3ea007ba15ed6736e"},
      {120, "42500cf6a1e3936d6b9e0bcfe296d654b63255e525487d3634d0b15fde591c4d"},
      {121, "bfee8850f7dfa42874071a0040ef89a5ac8d70c919224c440bdb63adb65d35e8"},
      {127, "68f6ff710276900c0ffbbc57426f67e00c2e01f0750c7edc25ac06b8ce7a8095"},
      {128, "489d55fea9a73af36b6dd0be7b4117d8e5683386d39544e8a44c99a87f368707"},
      {129, "4e1556b2e9a50a3cc9478f3254727b01065f9ac5d2c3a8b4cd538ae7240bb87d"},
  };
  for (const auto& [length, digest] : expected) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>((i * 7 + length) % 256);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{63}, std::size_t{64}, length}) {
      EXPECT_EQ(hash(text, piece), digest) << length << " by " << piece;
    }
  }
}

TEST(Sha256, PiecesOfAnySizeGiveTheSame) {
  for (std::size_t length = 0; length <= 200; ++length) {
    const std::string text(length, 'x');
    const std::string whole = hash(text, 1000);
    for (const std::size_t piece : {1, 7, 63, 64, 65}) EXPECT_EQ(hash(text, piece), whole) << length << " by " << piece;
  }
}

// Random blocks and states through the plain loop and the processor's own instructions.
TEST(Sha256, EveryImplementationGivesTheSame) {
#if defined(__x86_64__)
  if (!cpu_features().sha) GTEST_SKIP() << "the processor has no SHA extensions";
  std::mt19937 random(1);
  for (std::size_t blocks = 0; blocks < 20; ++blocks) {
    std::vector<std::uint8_t> data(64 * blocks + 1);
    for (auto& byte : data) byte = static_cast<std::uint8_t>(random());
    std::array<std::uint32_t, 8> plain, fast;
    for (auto& word : plain) word = static_cast<std::uint32_t>(random());
    fast = plain;
    sha256_portable.add(plain.data(), data.data() + 1, blocks);  // not aligned
    sha256_x86.add(fast.data(), data.data() + 1, blocks);
    EXPECT_EQ(plain, fast) << blocks << " blocks";
  }
#else
  GTEST_SKIP() << "there is the plain loop alone";
#endif
}

TEST(Sha256, AMissingFileIsNamed) { EXPECT_EQ(sha256_file("/nonexistent/x").error().file, "/nonexistent/x"); }

}  // namespace
}  // namespace smlp
