#include "tasks/inspect.h"

#include <gmock/gmock.h>

#include "base/sha256.h"
#include "support/model_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

TEST(Inspect, AFileOfAnotherNetworkIsStillListed) {
  const test::Scratch scratch;
  const auto path =
      scratch.write("other.safetensors", std::string("\x40\0\0\0\0\0\0\0", 8) +
                                             R"({"fc.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )" +
                                             std::string(8, '\0'));
  const auto report = inspect_file(path);
  ASSERT_TRUE(report) << report.error().message();
  ASSERT_EQ(report->file.tensors.size(), 1U);
  EXPECT_EQ(report->file.tensors[0].name, "fc.weight");
  EXPECT_FALSE(report->network);
  ASSERT_TRUE(report->no_network);
  EXPECT_EQ(report->sha256, sha256_file(path).value());
}

TEST(Inspect, ANetworkIsRecognised) {
  const test::Scratch scratch;
  const auto path = scratch.folder() / "m.safetensors";
  test::write_model(path, test::small_config());
  const auto report = inspect_file(path);
  ASSERT_TRUE(report) << report.error().message();
  ASSERT_TRUE(report->network);
  EXPECT_EQ(report->network->config, test::small_config());
  EXPECT_EQ(report->bytes, static_cast<std::int64_t>(std::filesystem::file_size(path)));
}

}  // namespace
}  // namespace smlp
