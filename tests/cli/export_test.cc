#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "support/scratch.h"
#include "support/source_dir.h"

namespace smlp::test {
namespace {

namespace fs = std::filesystem;
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

TEST(Export, OverwritesModelsOnlyAndOnlyWithForce) {
  const test::Scratch scratch;
  const std::string target = scratch.folder() / "out.onnx";
  fs::copy_file(source_dir() / "tests/formats/onnx/export_18_nhwc_plain.onnx", target);  // as PyTorch wrote it
  const auto size = fs::file_size(target);
  const std::vector<std::string> line = {"export", "--pth_path", kNetwork, "--onnx_path", target};
  const Outcome kept = run_smlp(line);
  EXPECT_EQ(kept.status, 1);
  EXPECT_THAT(kept.err, HasSubstr("--force"));
  EXPECT_EQ(fs::file_size(target), size);
  std::vector<std::string> forced = line;
  forced.push_back("--force");
  EXPECT_EQ(run_smlp(forced).status, 0);
  EXPECT_NE(fs::file_size(target), size);
  scratch.write("out.onnx", "precious");
  const Outcome notes = run_smlp(forced);
  EXPECT_EQ(notes.status, 1);
  EXPECT_THAT(notes.err, HasSubstr("is not an ONNX model, so --force does not replace it"));
  EXPECT_EQ(fs::file_size(target), 8U);
  scratch.write("out.onnx", "");
  EXPECT_EQ(run_smlp(forced).status, 0) << "an empty file holds nothing to lose";
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

// Of two commands that write one file at once, one is told that it did not.
TEST(Export, TwoAtOnceLoseNothingSilently) {
  const test::Scratch scratch;
  for (const std::string& command :
       {"export --pth_path " + kNetwork + " --onnx_path T", "compile --model " + kNetwork + " --output T"}) {
    for (const bool force : {false, true}) {
      const std::string name = command.substr(0, 4) + std::to_string(force) + (command[0] == 'e' ? ".onnx" : ".smlp");
      std::string line = "$SMLP " + command + (force ? " --force" : "");
      line.replace(line.find(" T"), 2, " " + (scratch.folder() / name).string());
      const Outcome both = run_shell("for i in 1 2 3 4; do (" + line + " >/dev/null 2>>" + scratch.folder().string() +
                                     "/err; echo $?) & done; wait");
      // Without --force exactly one wrote it; with it, whoever came later may have replaced a whole file.
      const auto statuses = lines_of(both.out);
      ASSERT_EQ(statuses.size(), 4U) << both.out;
      const auto wrote = std::ranges::count(statuses, "0");
      EXPECT_EQ(std::ranges::count(statuses, "1") + wrote, 4);
      EXPECT_TRUE(force ? wrote >= 1 : wrote == 1) << wrote;
      EXPECT_EQ(run_smlp({"info", scratch.folder() / name}).status, 0) << "the file is whole";
    }
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch.folder()), {}), 5) << "four models and err, no leftovers";
}

TEST(Export, JsonSaysWhatWasWrittenAndOfWhat) {
  const test::Scratch scratch;
  const std::string onnx = scratch.folder() / "out.onnx", smlp = scratch.folder() / "out.smlp";
  const Outcome exported = run_smlp({"export", kNetwork, onnx, "--json"});
  const auto json = nlohmann::json::parse(exported.out);
  EXPECT_EQ(json.at("bytes"), fs::file_size(onnx));
  EXPECT_EQ(json.at("config").at("classes"), 3);
  const Outcome compiled = run_smlp({"compile", onnx, smlp, "--json", "--precision", "bf16"});
  const auto report = nlohmann::json::parse(compiled.out);
  EXPECT_EQ(report.at("output"), smlp);
  EXPECT_EQ(report.at("bytes"), fs::file_size(smlp));
  EXPECT_EQ(report.at("provenance").at("precision"), "bf16");
  EXPECT_EQ(report.at("provenance").at("model").at("sha256"), report.at("source").at("sha256"));
  EXPECT_EQ(nlohmann::json::parse(run_smlp({"info", onnx, "--json"}).out).at("provenance").at("model"),
            report.at("provenance").at("model"));
  EXPECT_TRUE(
      nlohmann::json::parse(run_smlp({"info", "--json"}).out).at("provenance").at("program").contains("commit"));
  for (const char* notes : {"precious", "{\"__metadata__\":{}}", "\x10\0\0\0\0\0\0\0{\"__metadata__\":{}}"}) {
    scratch.write("out.smlp", notes);
    const Outcome refused = run_smlp({"compile", onnx, smlp, "--force"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("is not a compiled model"));
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
