// One set of option names in all commands: aliases, plain forms, suggestions; preprocessing overrides; widths.
#include <gmock/gmock.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "cli/table.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    test::write_model(model_, test::small_config(2), 1,
                      {{"smlp.classes", R"(["ant", "金鱼金鱼金鱼金鱼金鱼金鱼金鱼金鱼金鱼"])"}});
    for (unsigned i = 0; i < 6; ++i) {
      const fs::path folder = data_ / (i % 2 == 0 ? "ant" : "金鱼金鱼金鱼金鱼金鱼金鱼金鱼金鱼金鱼");
      fs::create_directories(folder);
      test::write_png(folder / (std::to_string(i) + ".png"), 50 + static_cast<int>(i), 40, i);
    }
  }

  // The logits' top classes for every picture.
  std::string answers(std::vector<std::string> more) { return answers_of(model_, std::move(more)); }
  std::string answers_of(const fs::path& model, std::vector<std::string> more) {
    std::vector<std::string> arguments = {"classify", "--json", "--top", "2", "--model", model, data_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run_smlp(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    std::string text;
    for (const std::string& line : lines_of(outcome.out)) {
      const auto json = nlohmann::json::parse(line);
      text += json.at("file").dump() + json.at("top").dump() + "\n";
    }
    return text;
  }

  std::string refused(const std::vector<std::string>& arguments) {
    const Outcome outcome = run_smlp(arguments);
    EXPECT_EQ(outcome.status, 2);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(lines_of(outcome.err), SizeIs(1));
    return outcome.err;
  }

  test::Scratch scratch_;
  fs::path model_ = scratch_.folder() / "m.safetensors", data_ = scratch_.folder() / "data";
};

TEST_F(OptionsTest, EveryCommandHasJson) {
  for (const char* command :
       {"classify", "evaluate", "merge", "info", "preprocess", "export", "compile", "infer", "postprocess", "bench"}) {
    EXPECT_THAT(run_smlp({command, "--help"}).out, HasSubstr("--json")) << command;
  }
}

TEST_F(OptionsTest, SpellingsOfOneOptionGiveEqualResults) {
  const auto per_class = [&](const std::vector<std::string>& how) {
    std::vector<std::string> arguments = {"evaluate", "--json", "--model", model_};
    arguments.insert(arguments.end(), how.begin(), how.end());
    const Outcome outcome = run_smlp(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out).at("per_class");
  };
  const auto expected = per_class({"--data", data_, "--batch", "2"});
  EXPECT_EQ(per_class({data_, "--batchsize", "2"}), expected);
  EXPECT_EQ(per_class({"--data_root", data_, "--batch_size=2"}), expected);
  EXPECT_EQ(per_class({"--data-root", data_, "--batch-sizes", "2"}), expected);
  EXPECT_EQ(per_class({"--input", data_, "--batch-size", "2"}), expected);
}

TEST_F(OptionsTest, PlainFormsAreTheNamedOnes) {
  const fs::path plain = scratch_.folder() / "plain" / "bins", named = scratch_.folder() / "named" / "bins";
  EXPECT_EQ(run_smlp({"preprocess", data_, plain, "--model", model_}).status, 0);
  EXPECT_EQ(run_smlp({"preprocess", "--data_root", data_, "--save_dir", named, "--model", model_}).status, 0);
  EXPECT_EQ(
      run_shell("cmp " + (plain / "batch-00000.bin").string() + " " + (named / "batch-00000.bin").string()).status, 0);
  EXPECT_EQ(run_smlp({"bench", model_, "--batch", "1", "--loop", "2"}).status, 0);
  EXPECT_EQ(run_smlp({"compile", model_, scratch_.folder() / "c"}).status, 0);
  EXPECT_EQ(run_smlp({"export", model_, scratch_.folder() / "c.onnx"}).status, 0);
  const fs::path out = scratch_.folder() / "out";
  EXPECT_EQ(run_smlp({"infer", plain, out, "--model", model_, "--output-dirname", "r"}).status, 0);
  EXPECT_THAT(run_smlp({"postprocess", out / "r"}).out, HasSubstr("acc@1:"));
}

TEST_F(OptionsTest, ARefusedOptionNamesTheRightOne) {
  EXPECT_THAT(refused({"evaluate", "d", "--bacth", "8"}), HasSubstr("(did you mean --batch?)"));
  EXPECT_THAT(refused({"evaluate", "d", "--btach_size", "8"}), HasSubstr("(did you mean --batch-size?)"));
  EXPECT_THAT(refused({"evaluate", "d", "--per"}), HasSubstr("(did you mean --per-class?)"));
  EXPECT_THAT(refused({"classify", "d", "--trace", "x"}), HasSubstr("it belongs to 'smlp bench'"));
  EXPECT_THAT(refused({"info", "--soc_version", "x"}), HasSubstr("it belongs to 'smlp compile'"));
  EXPECT_THAT(refused({"classify", "d", "--precision", "bf61"}), HasSubstr("did you mean bf16?"));
  EXPECT_THAT(refused({"classify", "d", "--xyzzy"}), Not(HasSubstr("did you mean")));
}

TEST_F(OptionsTest, EmptyValuesAreRefused) {
  EXPECT_THAT(refused({"info", ""}), HasSubstr("empty"));
  EXPECT_THAT(refused({"evaluate", "d", "--model", ""}), HasSubstr("--model is given an empty FILE"));
  EXPECT_THAT(refused({"infer", "--input="}), HasSubstr("empty"));
  EXPECT_THAT(refused({"preprocess", "d", "e", "f"}), HasSubstr("unexpected argument 'f'"));
}

// An option that would mean nothing beside the others is refused, never passed over.
TEST_F(OptionsTest, OptionsWithoutEffectAreRefused) {
  for (const std::vector<std::string>& override : {std::vector<std::string>{"--crop-pct", "0.9"},
                                                   {"--interpolation", "box"},
                                                   {"--mean", "0.5,0.5,0.5"},
                                                   {"--std", "0.5,0.5,0.5"},
                                                   {"--img-size", "32"}}) {
    std::vector<std::string> infer = {"infer", "--model", model_}, info = {"info", model_, "--compare", "fp32,bf16"};
    infer.insert(infer.end(), override.begin(), override.end());
    info.insert(info.end(), override.begin(), override.end());
    EXPECT_THAT(refused(infer), HasSubstr(override[0] + " requires --data"));
    EXPECT_THAT(refused(info), HasSubstr(override[0] + " requires --picture"));
  }
  EXPECT_THAT(refused({"infer", "--model", model_, "--limit", "2"}), HasSubstr("--limit requires --data"));
  for (const char* option : {"--packed", "--force", "--resume"}) {
    EXPECT_THAT(refused({"infer", data_, "--model", model_, option}), HasSubstr("requires --output"));
  }
  EXPECT_THAT(refused({"infer", "--model", model_, "--shard", "1/2"}), HasSubstr("--shard requires --data"));
  EXPECT_THAT(refused({"info", model_, "--compare", "fp32,bf16", "--tensors"}),
              HasSubstr("--compare excludes --tensors"));
  EXPECT_THAT(refused({"compare", model_, model_, "--data", data_, "--model", model_}),
              HasSubstr("--model is for precisions"));
}

// Scripts of the guide may give them; they are told.
TEST_F(OptionsTest, TheGuidesFlagsWithoutEffectAreSaid) {
  EXPECT_THAT(run_smlp({"infer", "--model", model_, "--device", "3"}).out, HasSubstr("--device 3 means nothing here"));
  EXPECT_THAT(run_smlp({"infer", "--model", model_, "--outfmt", "BIN"}).out, HasSubstr("--outfmt means nothing here"));
  EXPECT_THAT(run_smlp({"infer", data_, "--model", model_, "--pure_data_type", "random"}).out,
              HasSubstr("--pure_data_type means nothing here"));
  EXPECT_THAT(run_smlp({"infer", "--model", model_, "--pure_data_type", "random"}).out,
              Not(HasSubstr("means nothing here")));
}

TEST_F(OptionsTest, TheNameOfAFolderIsNoPath) {
  const std::string out = scratch_.folder() / "out";
  for (const char* name : {"../x", "a/b", ".", "..", "/tmp", "x/"}) {
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"infer", data_, out, "--model", model_}, {"merge", "a", "b", "--output", out}}) {
      std::vector<std::string> arguments = command;
      arguments.insert(arguments.end(), {"--output_dirname", name});
      EXPECT_THAT(refused(arguments), HasSubstr("--output_dirname takes the name of a folder in --output"));
    }
  }
  EXPECT_FALSE(fs::exists(out));
}

TEST_F(OptionsTest, MeansAndDeviationsAreThoseOfPixelsFrom0To1) {
  EXPECT_THAT(refused({"classify", data_, "--mean", "123.7,116.3,103.5"}), HasSubstr("numbers from 0 to 1"));
  EXPECT_THAT(refused({"classify", data_, "--mean", "-0.1,0.5,0.5"}), HasSubstr("numbers from 0 to 1"));
  EXPECT_THAT(refused({"classify", data_, "--std", "58.4,57.1,57.4"}), HasSubstr("numbers from 1e-06 to 1"));
  EXPECT_NE(answers({"--mean", "0,0,0", "--std", "1,1,1"}), answers({}));
}

TEST_F(OptionsTest, OverridesChangeThePreprocessingAndCompileRecordsThem) {
  const std::vector<std::string> how = {"--interpolation", "lanczos", "--crop-pct", "0.7", "--mean",
                                        "0.5,0.4,0.3",     "--std",   "0.25",       "0.5", "1"};
  const std::string own = answers({}), other = answers(how);
  EXPECT_NE(other, own);
  EXPECT_EQ(answers({"--img-size", "32"}), own);

  std::vector<std::string> compile = {"compile", model_, scratch_.folder() / "c"};
  compile.insert(compile.end(), how.begin(), how.end());
  EXPECT_EQ(run_smlp(compile).status, 0);
  const fs::path compiled = scratch_.folder() / "c.smlp";
  EXPECT_EQ(answers_of(compiled, {}), other);
  const auto json = nlohmann::json::parse(run_smlp({"info", "--json", compiled}).out).at("preprocess");
  EXPECT_EQ(json.at("interpolation"), "lanczos");
  EXPECT_EQ(json.at("resize"), 45);  // floor(32 / 0.7), as timm has it
  EXPECT_EQ(json.at("crop"), 32);
}

TEST_F(OptionsTest, TheNetworksSizeIsFixed) {
  const Outcome outcome = run_smlp({"classify", data_, "--model", model_, "--img-size", "64"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("takes 32 x 32"));
  EXPECT_THAT(outcome.err, HasSubstr(model_.string()));
  const fs::path bins = scratch_.folder() / "any" / "bins";
  EXPECT_EQ(run_smlp({"preprocess", data_, bins, "--img-size", "48", "--interpolation", "box"}).status, 0);
  EXPECT_EQ(fs::file_size(bins / "batch-00000.bin"), 3 * 48 * 48 * 4);
}

TEST_F(OptionsTest, TheLogSpeaksOfTheCpuUnlessTheGuidesFlagsAreUsed) {
  const std::string own = run_smlp({"infer", "--model", model_, "--batch", "2"}).out;
  EXPECT_THAT(own, HasSubstr("CPU_compute_time"));
  EXPECT_THAT(own, Not(HasSubstr("NPU")));
  const std::string guide = run_smlp({"infer", "--model", model_, "--batchsize", "2"}).out;
  EXPECT_THAT(guide, HasSubstr("NPU_compute_time (ms): min = "));
  EXPECT_THAT(guide, HasSubstr("throughput 1000*batchsize.mean(2)/NPU_compute_time.mean("));
}

TEST_F(OptionsTest, TheLogOfCompileTellsOfTheNetworkWhereItIsAskedTo) {
  const auto compile = [&](const char* log) {
    const Outcome outcome = run_smlp({"compile", model_, scratch_.folder() / "c", "--force", "--log", log});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.out;
  };
  for (const char* log : {"debug", "info"}) {
    EXPECT_THAT(compile(log), HasSubstr("sMLPNet with dim 8, depths 1 1 1 1, alpha 3, patch 4, 3 x 32 x 32 pixels"));
    EXPECT_THAT(compile(log), HasSubstr("compiled "));
  }
  for (const char* log : {"warning", "error"}) {
    EXPECT_THAT(compile(log), ::testing::AllOf(Not(HasSubstr("sMLPNet with")), HasSubstr("compiled ")));
  }
  EXPECT_EQ(compile("null"), "");
}

TEST_F(OptionsTest, TablesKeepTo80Columns) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"evaluate", data_, "--model", model_, "--per-class"},
                                             {"info"},
                                             {"info", model_},
                                             {"info", model_, "--tensors"}}) {
    const Outcome outcome = run_smlp(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    for (const std::string& line : lines_of(outcome.out)) EXPECT_LE(cli::display_width(line), 80) << line;
  }
  for (const char* command : {"classify", "evaluate", "compare", "merge", "info", "preprocess", "export", "compile",
                              "infer", "postprocess", "bench", "serve"}) {
    for (const std::string& line : lines_of(run_smlp({command, "--help"}).out)) {
      EXPECT_LE(cli::display_width(line), 80) << line;
    }
  }
}

}  // namespace
}  // namespace smlp::test
