#include "base/sha256.h"

#include <gtest/gtest.h>

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

TEST(Sha256, PiecesOfAnySizeGiveTheSame) {
  for (std::size_t length = 0; length <= 200; ++length) {
    const std::string text(length, 'x');
    const std::string whole = hash(text, 1000);
    for (const std::size_t piece : {1, 7, 63, 64, 65}) EXPECT_EQ(hash(text, piece), whole) << length << " by " << piece;
  }
}

TEST(Sha256, AMissingFileIsNamed) { EXPECT_EQ(sha256_file("/nonexistent/x").error().file, "/nonexistent/x"); }

}  // namespace
}  // namespace smlp
