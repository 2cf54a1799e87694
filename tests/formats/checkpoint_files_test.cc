#include <gmock/gmock.h>

#include "formats/fixtures.h"
#include "formats/metadata.h"
#include "model/checkpoint.h"
#include "support/source_dir.h"

namespace smlp {
namespace {

using nlohmann::json;

class CheckpointFile : public testing::TestWithParam<std::string> {};

TEST_P(CheckpointFile, HoldsWhatPyTorchReadsInIt) {
  const json& expected = expected_values()[GetParam()];
  auto file = read_tensor_file(fixture(GetParam()));
  ASSERT_TRUE(file) << file.error().message();
  // safetensors files are sorted by name, PyTorch's are in the dict's order.
  json wanted = expected["tensors"];
  if (file->format == "safetensors") {
    std::sort(wanted.begin(), wanted.end(), [](const json& a, const json& b) { return a[1] < b[1]; });
    std::ranges::sort(file->tensors, {}, &Tensor::name);
  }
  ASSERT_EQ(file->tensors.size(), wanted.size());
  for (std::size_t t = 0; t < wanted.size(); ++t) {
    const Tensor& tensor = file->tensors[t];
    const json& want = wanted[t];
    SCOPED_TRACE(tensor.name);
    EXPECT_EQ(tensor.container, want[0].get<std::string>());
    EXPECT_EQ(tensor.name, want[1].get<std::string>());
    EXPECT_EQ(tensor.dtype_text, want[2].get<std::string>());
    EXPECT_EQ(json(tensor.shape), want[3]);
    const auto values = tensor.to_float();
    ASSERT_EQ(values.has_value(), want.size() == 6);
    if (!values) continue;
    double sum = 0, weighted = 0;
    for (std::size_t i = 0; i < values->size(); ++i) {
      sum += (*values)[i];
      weighted += static_cast<double>(i + 1) * (*values)[i];
    }
    EXPECT_EQ(sum, want[4].get<double>());
    EXPECT_EQ(weighted, want[5].get<double>());
  }
}

TEST_P(CheckpointFile, GivesItsNetwork) {
  const json& expected = expected_values()[GetParam()];
  const auto file = read_tensor_file(fixture(GetParam()));
  ASSERT_TRUE(file) << file.error().message();
  const auto weights = weights_from_tensors(*file);
  if (expected["config"].is_null()) {
    ASSERT_FALSE(weights);
    EXPECT_THAT(weights.error().message(), testing::HasSubstr("this is no sMLPNet"));
    return;
  }
  ASSERT_TRUE(weights) << weights.error().message();
  EXPECT_EQ(weights->config, *parse_config(expected["config"].dump()));
  EXPECT_EQ(find_network(*file)->describe(), expected["place"].get<std::string>());
}

INSTANTIATE_TEST_SUITE_P(Fixtures, CheckpointFile, testing::ValuesIn(checkpoint_fixtures()),
                         [](const auto& fixture_name) {
                           std::string name = fixture_name.param;
                           std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

// Legacy files and uncompressed zips are read without copying.
TEST(CheckpointFile, TensorsStayInTheMappedFile) {
  for (const char* name : {"zip.pth", "legacy.pth", "state.safetensors"}) {
    const std::string bytes = read_text(fixture(name));
    const auto file = read_bytes(bytes);
    ASSERT_TRUE(file);
    for (const Tensor& tensor : file->tensors) {
      const auto* begin = reinterpret_cast<const char*>(tensor.storage.data());
      EXPECT_TRUE(begin >= bytes.data() && begin + tensor.storage.size() <= bytes.data() + bytes.size()) << tensor.name;
    }
  }
}

TEST(CheckpointFile, RealCheckpointsOfOtherNetworksAreListedAndRefused) {
  const char* variable = std::getenv("SMLP_SHARED_DATA");
  const std::filesystem::path data = variable != nullptr ? variable : source_dir() / "../shared/data";
  if (!std::filesystem::exists(data / "checkpoints")) {
    GTEST_SKIP() << "skipped: no checkpoints under " << data << " (set SMLP_SHARED_DATA)";
  }
  for (const auto& [name, count] : {std::pair{"resnet20-legacy.th", 97U}, std::pair{"mnist-zip.pth.tar", 34U}}) {
    const auto file = read_tensor_file(data / "checkpoints" / name);
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(file->tensors.size(), count);
    for (const Tensor& tensor : file->tensors) EXPECT_TRUE(tensor.to_float()) << tensor.name;
    EXPECT_THAT(weights_from_tensors(*file).error().message(), testing::HasSubstr("this is no sMLPNet"));
  }
}

}  // namespace
}  // namespace smlp
