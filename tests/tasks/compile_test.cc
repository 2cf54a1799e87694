// What compile writes beside the model. The models themselves are compared with NumPy's and PyTorch's networks by tests
// of the whole program.
#include "tasks/compile.h"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// All may get worse, so nothing goes back to bf16 but what an ini of the user keeps there.
TEST(Compile, TheIniOfABudgetGivesTheSameModelAgain) {
  test::Scratch scratch;
  test::write_model(scratch.folder() / "m.safetensors", test::small_config());
  test::write_png(scratch.folder() / "photograph.png", 50, 60);
  CompileOptions options = {.model = scratch.folder() / "m.safetensors",
                            .output = scratch.folder() / "first.smlp",
                            .precision = Precision::int8,
                            .op_precision = scratch.write("mine.ini", "block.2.fc1=bf16\nGelu=high_performance\n"),
                            .calibration = {.pictures = {{.file = scratch.folder() / "photograph.png"}}},
                            .max_drop = 100};
  const auto first = compile_model(options);
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->op_precision, scratch.folder() / "first.op_precision.ini");
  const std::string ini = content(first->op_precision);
  EXPECT_EQ(ini.substr(ini.find('\n') + 1), "[ByOpType]\nGelu=high_performance\n[ByNodeName]\nblock.2.fc1=bf16\n");

  options.op_precision = first->op_precision;
  options.max_drop.reset();
  options.output = scratch.folder() / "again.smlp";
  const auto again = compile_model(options);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_TRUE(content(again->output) == content(first->output));
}

// The way to it leads through a folder that is not there yet.
TEST(Compile, TheModelItselfIsNotReplacedThroughAFolderThatIsMade) {
  test::Scratch scratch;
  test::write_model(scratch.folder() / "m.safetensors", test::small_config());
  ASSERT_TRUE(compile_model({.model = scratch.folder() / "m.safetensors", .output = scratch.folder() / "c.smlp"}));
  const std::string before = content(scratch.folder() / "c.smlp");
  scratch.write("notes.smlp", "mine");
  for (const char* const name : {"none/../c", "none/deeper/../../c.smlp", "none/../notes.smlp"}) {
    const auto compiled = compile_model({.model = scratch.folder() / "c.smlp",
                                         .output = scratch.folder() / name,
                                         .precision = Precision::bf16,
                                         .force = true});
    ASSERT_FALSE(compiled) << name;
    EXPECT_FALSE(fs::exists(scratch.folder() / "none")) << name;
  }
  EXPECT_TRUE(content(scratch.folder() / "c.smlp") == before);
  EXPECT_EQ(content(scratch.folder() / "notes.smlp"), "mine");
}

}  // namespace
}  // namespace smlp
