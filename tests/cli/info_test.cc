#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "support/model_file.h"
#include "support/scratch.h"

namespace smlp::test {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(Info, ThisMachine) {
  const Outcome text = run_smlp({"info"});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("CPU "));
  const auto json = nlohmann::json::parse(run_smlp({"info", "--json"}).out);
  EXPECT_GE(json.at("usable_processors"), 1);
  EXPECT_GE(json.at("processors"), json.at("allowed_processors"));
  EXPECT_GE(json.at("allowed_processors"), json.at("usable_processors"));
  EXPECT_GT(json.at("memory_bytes"), 1 << 20);
}

TEST(Info, EveryIsaIsTakenOrSaysWhyNot) {
  const auto json = nlohmann::json::parse(run_smlp({"info", "--json"}).out);
  int taken = 0;
  for (const auto& isa : json.at("isas")) {
    EXPECT_FALSE(isa.at("reason").get<std::string>().empty()) << isa;
    if (isa.at("precision") == "fp32") taken += isa.at("taken").get<bool>();
  }
  EXPECT_EQ(taken, 1);
  const auto forced = nlohmann::json::parse(run_shell("SMLP_ISA=reference $SMLP info --json").out);
  for (const auto& isa : forced.at("isas")) EXPECT_EQ(isa.at("taken"), isa.at("isa") == "reference") << isa;
  const Outcome wrong = run_shell("SMLP_ISA=z80 $SMLP info");
  EXPECT_EQ(wrong.status, 0) << "the list is what somebody with this mistake needs";
  EXPECT_THAT(wrong.err, ::testing::AllOf(::testing::StartsWith("smlp: warning: "), HasSubstr("z80")));
}

TEST(Info, TheAffinityOfTheProcessIsRespected) {
  const Outcome one = run_shell("taskset -c 0 $SMLP info --json");
  if (one.status == 127) GTEST_SKIP() << "taskset is not installed";
  EXPECT_EQ(nlohmann::json::parse(one.out).at("usable_processors"), 1);
}

TEST(Info, AModelFile) {
  const test::Scratch scratch;
  const std::string file = scratch.folder() / "m.safetensors";
  test::write_model(file, test::small_config(3), 1, {{"smlp.classes", R"(["ant", "bee", "cat"])"}});
  const auto json = nlohmann::json::parse(run_smlp({"info", "--json", file}).out);
  EXPECT_EQ(json.at("file"), file);
  EXPECT_EQ(json.at("format"), "safetensors");
  EXPECT_EQ(json.at("config").at("dim"), 8);
  EXPECT_EQ(json.at("config").at("depths"), nlohmann::json({1, 1, 1, 1}));
  EXPECT_EQ(json.at("parameters"), test::small_config(3).parameters());
  EXPECT_EQ(json.at("macs"), test::small_config(3).macs());
  EXPECT_EQ(json.at("classes"), nlohmann::json({"ant", "bee", "cat"}));
  bool found = false;
  for (const auto& tensor : json.at("tensors")) {
    if (tensor.at("name") != "token_mix.0.1.fuse.weight") continue;
    found = true;
    EXPECT_EQ(tensor.at("dtype"), "F32");
    EXPECT_EQ(tensor.at("shape"), nlohmann::json({8, 24, 1, 1}));
    EXPECT_EQ(tensor.at("container"), "");
  }
  EXPECT_TRUE(found);
  const Outcome brief = run_smlp({"info", file});
  EXPECT_EQ(brief.status, 0);
  EXPECT_THAT(brief.out, ::testing::Not(HasSubstr("token_mix.0.1.fuse.weight")));
  EXPECT_THAT(brief.out, HasSubstr("--tensors"));
  EXPECT_EQ(run_smlp({"info", "--model", file}).out, brief.out);
  const Outcome text = run_smlp({"info", file, "--tensors"});
  EXPECT_EQ(text.status, 0);
  EXPECT_THAT(text.out, HasSubstr("token_mix.0.1.fuse.weight"));
  EXPECT_GT(text.out.rfind("class names"), text.out.rfind("token_mix.0.1.fuse.weight"));  // the summary comes last
  EXPECT_THAT(text.out, HasSubstr("dim 8, depths 1 1 1 1"));
}

TEST(Info, AFileOfAnotherNetworkIsListedAndCannotClassify) {
  const test::Scratch scratch;
  const std::string file =
      scratch.write("other.safetensors", std::string("\x40\0\0\0\0\0\0\0", 8) +
                                             R"({"fc.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )" +
                                             std::string(8, '\0'));
  const Outcome outcome = run_smlp({"info", "--json", file});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_TRUE(json.at("config").is_null());
  EXPECT_NE(json.at("why_no_network").get<std::string>(), "");
  EXPECT_EQ(json.at("tensors")[0].at("name"), "fc.weight");
  EXPECT_THAT(run_smlp({"info", file}).out, HasSubstr("no sMLPNet"));
  const Outcome classify = run_smlp({"classify", "--model", file, "x.jpg"});
  EXPECT_EQ(classify.status, 1);
  EXPECT_THAT(lines_of(classify.err), SizeIs(1));
  EXPECT_THAT(classify.err, HasSubstr(file));
}

TEST(Info, ComparesTwoPrecisionsLayerByLayer) {
  const test::Scratch scratch;
  const std::string file = scratch.folder() / "m.safetensors";
  test::write_model(file, test::small_config());
  const Outcome outcome = run_smlp({"info", "--json", "--compare", "fp32,bf16", file});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("file"), file);
  EXPECT_EQ(json.at("precisions"), nlohmann::json({"fp32", "bf16"}));
  EXPECT_EQ(json.at("pictures"), 16);
  EXPECT_EQ(json.at("layers").size(), 3U * 4 + 1);
  EXPECT_TRUE(json.at("layers")[0].at("growth").is_null());
  EXPECT_GT(json.at("layers")[1].at("growth"), 0.0);
  EXPECT_EQ(json.at("top1_agreement"), json.at("same_top1").get<double>() / 16);
  const Outcome text = run_smlp({"info", file, "--compare=bf16,fp32"});
  for (const char* words : {"fp32 (", "beside bf16 (", "\ntoken_mix.3 ", "\nlogits ", " of 16 pictures"}) {
    EXPECT_THAT(text.out, HasSubstr(words));
  }
}

TEST(Info, WordsThatAreNoTwoPrecisionsAreAUsageError) {
  for (const char* words : {"fp32", "fp32,fp32", "fp32,bf61", ",", "", "fp32,bf16,fp32"}) {
    const Outcome outcome = run_smlp({"info", "--compare", words});
    EXPECT_EQ(outcome.status, 2) << words;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(lines_of(outcome.err), SizeIs(1));
    EXPECT_THAT(outcome.err, HasSubstr("--compare"));
  }
  EXPECT_THAT(run_smlp({"info", "--compare", "fp32,bf61"}).err, HasSubstr("did you mean bf16?"));
  EXPECT_EQ(run_smlp({"info", "--picture", "a.jpg"}).status, 2);
  const Outcome missing = run_smlp({"info", "--compare", "fp32,bf16", "--picture", "/nonexistent.jpg"});
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(missing.err, HasSubstr("/nonexistent.jpg"));
}

TEST(Info, ABadFileIsOneErrorLine) {
  const test::Scratch scratch;
  for (const std::string& file : {scratch.write("text.pth", "hello").string(), scratch.folder().string(),
                                  std::string("/nonexistent.pth"), scratch.write("empty.pth", "").string()}) {
    const Outcome outcome = run_smlp({"info", file});
    EXPECT_EQ(outcome.status, 1) << file;
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(lines_of(outcome.err), SizeIs(1));
    EXPECT_THAT(outcome.err, HasSubstr(file));
  }
}

}  // namespace
}  // namespace smlp::test
