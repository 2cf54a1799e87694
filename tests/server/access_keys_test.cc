#include "server/access_keys.h"

#include <gtest/gtest.h>

#include "support/scratch.h"

namespace smlp::server {
namespace {

constexpr std::string_view kKey = "0123456789abcdef0123456789abcdef";
constexpr std::string_view kOther = "fedcba9876543210fedcba9876543210";

AccessKeys keys_of(std::string_view text) {
  const test::Scratch scratch;
  auto keys = AccessKeys::read(scratch.write("keys", text));
  EXPECT_TRUE(keys) << keys.error().message();
  return std::move(*keys);
}

std::string error_of(std::string_view text) {
  const test::Scratch scratch;
  const auto keys = AccessKeys::read(scratch.write("keys", text));
  EXPECT_FALSE(keys);
  return keys ? "" : keys.error().message();
}

bool takes(const AccessKeys& keys, std::string_view authorization) { return keys.check(authorization).has_value(); }

TEST(AccessKeys, WithoutAFileEverybodyMayAsk) {
  EXPECT_TRUE(takes(AccessKeys(), ""));
  EXPECT_TRUE(takes(AccessKeys(), "Bearer nonsense"));
}

TEST(AccessKeys, EachKeyOfTheFileOpens) {
  const AccessKeys keys = keys_of(fmt::format("# two keys\n{}\r\n\n{}", kKey, kOther));
  for (const std::string_view key : {kKey, kOther}) {
    EXPECT_TRUE(takes(keys, fmt::format("Bearer {}", key)));
    EXPECT_TRUE(takes(keys, fmt::format("bEaReR   {}", key)));
  }
}

TEST(AccessKeys, NothingElseOpens) {
  const AccessKeys keys = keys_of(fmt::format("#{}\n{}\n", kOther, kKey));
  const std::string key(kKey);
  const std::vector<std::string> words = {"",
                                          key,
                                          "Basic " + key,
                                          "Bearer",
                                          "Bearer:" + key,
                                          "Bearex " + key,
                                          "Bearer ",
                                          "Bearer " + key + " ",
                                          "Bearer " + key + "0",
                                          "Bearer " + key.substr(1),
                                          "Bearer " + key.substr(0, 31),
                                          "Bearer #" + std::string(kOther),
                                          "Bearer " + std::string(kOther)};
  for (const std::string& word : words) {
    const auto answer = keys.check(word);
    ASSERT_FALSE(answer) << word;
    EXPECT_EQ(answer.error().status, 401);
    EXPECT_EQ(answer.error().message.find(kKey), std::string::npos) << "the answer tells a key";
  }
}

TEST(AccessKeys, AFileOfNoUseIsRefusedWithoutTellingItsLines) {
  EXPECT_NE(error_of("").find("holds no key"), std::string::npos);
  EXPECT_NE(error_of("# a comment\n\n").find("holds no key"), std::string::npos);
  for (const std::string& line : {std::string("fifteen-letters"), std::string(kKey) + "\tx",
                                  "a space in " + std::string(kKey), std::string(40, '\xe9')}) {
    const std::string error = error_of(fmt::format("{}\n{}\n", kKey, line));
    EXPECT_NE(error.find("line 2 is no key"), std::string::npos) << error;
    EXPECT_EQ(error.find(line), std::string::npos) << error;
  }
}

}  // namespace
}  // namespace smlp::server
