#include "model/config.h"

#include <gmock/gmock.h>

namespace smlp {
namespace {

TEST(Config, NamedConfigsHaveThePublishedSizes) {
  const struct {
    const char* name;
    std::int64_t parameters;
    double gmacs;
  } published[] = {
      {"smlpnet_tiny", 24'123'584, 5.0}, {"smlpnet_small", 48'558'136, 10.3}, {"smlpnet_base", 65'880'408, 14.0}};
  for (const auto& row : published) {
    const Config* config = find_named_config(row.name);
    ASSERT_NE(config, nullptr);
    EXPECT_EQ(config->parameters(), row.parameters) << row.name;
    EXPECT_NEAR(static_cast<double>(config->macs()) * 1e-9, row.gmacs, 0.06) << row.name;
    EXPECT_TRUE(config->validate());
  }
  EXPECT_EQ(find_named_config("smlpnet_huge"), nullptr);
}

TEST(Config, ChannelsDoubleAndTheGridHalves) {
  const Config config{.dim = 6, .patch = 8, .image = 192, .depths = {1, 2, 3}};
  EXPECT_EQ(config.channels(2), 24);
  EXPECT_EQ(config.grid(0), 24);
  EXPECT_EQ(config.grid(2), 6);
  EXPECT_EQ(config.stem_kernel(0), 8);
  EXPECT_EQ(config.stem_kernel(1), 2);
  EXPECT_EQ(config.features(), 24);
  EXPECT_EQ(config.blocks(), 6);
}

TEST(Config, AnOddGridLosesItsLastRow) {
  const Config config{.image = 200};
  EXPECT_TRUE(config.validate());
  EXPECT_EQ(config.grid(1), 25);
  EXPECT_EQ(config.grid(2), 12);
  EXPECT_EQ(config.grid(3), 6);
}

TEST(Config, RefusesWhatDoesNotDivideOrFit) {
  const auto message = [](const Config& config) {
    const auto valid = config.validate();
    return valid ? std::string() : valid.error().message();
  };
  EXPECT_THAT(message({.image = 202}), testing::HasSubstr("image size 202 does not divide by the patch size 4"));
  EXPECT_THAT(message({.image = 28}), testing::HasSubstr("its grid of 7 patches cannot be halved 3 times"));
  EXPECT_THAT(message({.dim = 0}), testing::HasSubstr("dim is 0"));
  EXPECT_THAT(message({.classes = 1 << 30}), testing::HasSubstr("classes"));
  EXPECT_THAT(message({.depths = {}}), testing::HasSubstr("0 stages"));
  EXPECT_THAT(message({.depths = {0, 0, 0, 0}}), testing::HasSubstr("blocks is 0"));
  EXPECT_THAT(message({.dim = 8192, .depths = {1000, 1000, 1000, 1000}}), testing::HasSubstr("parameters"));
}

}  // namespace
}  // namespace smlp
