// Files that PyTorch's exporters wrote (make_onnx_fixtures.py), against the weights that they were made from.
#include <gtest/gtest.h>

#include "formats/onnx_import.h"
#include "formats/onnx_support.h"
#include "support/source_dir.h"

namespace smlp::test {
namespace {

constexpr std::uint64_t kSeed = 21;      // as in make_onnx_fixtures.py
constexpr double kFoldedInFloat = 4e-7;  // the exporters fold in float32: a few roundings of 6e-8

const Config kConfig = {.in_channels = 3, .dim = 2, .alpha = 2, .patch = 2, .image = 8, .classes = 3, .depths = {1, 1}};

class OnnxFixture : public testing::TestWithParam<const char*> {};

TEST_P(OnnxFixture, GivesTheWeightsItWasMadeFrom) {
  const std::filesystem::path path = source_dir() / "tests/formats/onnx" / GetParam();
  auto got = import_onnx(path);
  ASSERT_TRUE(got) << got.error().message();
  Weights want = make_weights(kConfig, kSeed);
  const bool folded = got->blocks[0].bn2.epsilon == 0;
  if (folded) want = with_bn2_folded(std::move(want));
  expect_same_weights(*got, want, folded ? kFoldedInFloat : 0);
}

INSTANTIATE_TEST_SUITE_P(Exporters, OnnxFixture,
                         testing::Values("script_9_nchw.onnx", "script_11_nchw_batch.onnx",
                                         "script_11_nhwc_unfolded.onnx", "script_17_nchw_inputs.onnx",
                                         "export_18_nhwc_plain.onnx", "export_20_nchw.onnx",
                                         "export_20_nhwc_beside.onnx"),
                         [](const auto& fixture) {
                           const std::string name = fixture.param;
                           return name.substr(0, name.find('.'));
                         });

}  // namespace
}  // namespace smlp::test
