#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/process.h"
#include "support/scratch.h"
#include "support/source_dir.h"

namespace smlp::test {
namespace {

using ::testing::HasSubstr;

const std::string kNetwork = source_dir() / "tests/formats/onnx/script_11_nchw_batch.onnx";

TEST(Export, WritesOnnxAndSaysWhat) {
  const test::Scratch scratch;
  const std::string target = scratch.folder() / "out.onnx";
  const Outcome outcome = run_smlp({"export", "--pth_path", kNetwork, "--onnx_path", target, "--opset_version", "17"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("opset 17"));
  EXPECT_THAT(outcome.out, HasSubstr("input N x 3 x 8 x 8, output N x 3"));
  EXPECT_TRUE(std::filesystem::file_size(target) > 1000);
}

TEST(Export, OverwritesOnlyWithForce) {
  const test::Scratch scratch;
  const std::string target = scratch.write("out.onnx", "precious");
  const std::vector<std::string> line = {"export", "--pth_path", kNetwork, "--onnx_path", target};
  const Outcome kept = run_smlp(line);
  EXPECT_EQ(kept.status, 1);
  EXPECT_THAT(kept.err, HasSubstr("--force"));
  EXPECT_EQ(std::filesystem::file_size(target), 8U);
  std::vector<std::string> forced = line;
  forced.push_back("--force");
  EXPECT_EQ(run_smlp(forced).status, 0);
  EXPECT_GT(std::filesystem::file_size(target), 8U);
}

TEST(Export, ANameThatIsNotTheCheckpointsIsAnError) {
  const test::Scratch scratch;
  const std::string target = scratch.folder() / "out.onnx";
  for (const std::string name : {"smlpnet_tiny", "resnet50"}) {
    const Outcome outcome = run_smlp({"export", "--model_name", name, "--pth_path", kNetwork, "--onnx_path", target});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr(name));
    EXPECT_THAT(outcome.err, HasSubstr("--model_name"));
    EXPECT_FALSE(std::filesystem::exists(target));
  }
}

TEST(Export, NamesTheOpsetsThereAre) {
  const test::Scratch scratch;
  const std::string target = scratch.folder() / "out.onnx";
  const Outcome outcome = run_smlp({"export", "--pth_path", kNetwork, "--onnx_path", target, "--opset_version", "10"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("11 to 23"));
}

}  // namespace
}  // namespace smlp::test
