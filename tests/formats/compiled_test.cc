#include "formats/compiled.h"

#include <gmock/gmock.h>

#include <random>

#include "base/float16.h"
#include "formats/fixtures.h"
#include "formats/folded_network.h"
#include "formats/metadata.h"

namespace smlp {
namespace {

using testing::HasSubstr;

class Compiled : public testing::Test {
 protected:
  Compiled() {
    const Config config = {
        .in_channels = 2, .dim = 3, .alpha = 2, .patch = 2, .image = 8, .classes = 2, .depths = {1, 2}};
    network_ = test::folded_network(config, [this](int count) { return values(count); });
    network_.class_names = {"tench", "garbage \"truck\""};
    network_.preprocess = {.resize = 9, .crop = 8, .mean = {0.1F, 0.2F, 0.3F}, .std = {1, 2, 3}};
    network_.gelu = GeluPrecision::high_performance;
    network_.source_name = "a.pth";
    network_.source_sha256 = std::string(64, 'a');
  }

  std::vector<float> values(int count) {
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& v : out) v = std::normal_distribution<float>()(random_);
    return out;
  }
  TensorFile written() {
    EXPECT_TRUE(write_compiled(network_, path_));
    return read_tensor_file(path_).value();
  }
  std::string problem(const TensorFile& file) {
    const auto read = read_compiled(file);
    return read ? "no error" : read.error().message();
  }

  std::mt19937 random_{5};
  Network network_;
  std::string path_ = testing::TempDir() + "/network.smlp";
};

TEST_F(Compiled, EverythingComesBackInFp32) {
  const auto read = read_compiled(written());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->config, network_.config);
  EXPECT_EQ(read->class_names, network_.class_names);
  EXPECT_EQ(read->preprocess, network_.preprocess);
  EXPECT_EQ(read->gelu, network_.gelu);
  EXPECT_EQ(read->source_name, "a.pth");
  EXPECT_EQ(read->source_sha256, network_.source_sha256);
  for (std::size_t b = 0; b < 3; ++b) {
    const FoldedBlock &got = read->blocks[b], &want = network_.blocks[b];
    EXPECT_EQ(got.pre.scale, want.pre.scale);
    EXPECT_EQ(got.pre.shift, want.pre.shift);
    EXPECT_EQ(got.norm_epsilon, want.norm_epsilon);
    for (const auto part : {&FoldedBlock::depthwise, &FoldedBlock::mix_width, &FoldedBlock::mix_height,
                            &FoldedBlock::fuse, &FoldedBlock::fc1, &FoldedBlock::fc2}) {
      EXPECT_EQ((got.*part).weight, (want.*part).weight);
      EXPECT_EQ((got.*part).bias, (want.*part).bias);
      EXPECT_EQ((got.*part).outputs, (want.*part).outputs);
      EXPECT_EQ((got.*part).inputs, (want.*part).inputs);
    }
  }
  EXPECT_EQ(read->stems[1].weight, network_.stems[1].weight);
  EXPECT_EQ(read->head.weight, network_.head.weight);
}

TEST_F(Compiled, Bf16HalvesTheMatricesAndNothingElse) {
  network_.precision = Precision::bf16;
  const auto read = read_compiled(written());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->precision, Precision::bf16);
  for (std::size_t i = 0; i < network_.head.weight.size(); ++i) {
    EXPECT_EQ(read->head.weight[i], bfloat16_to_float(float_to_bfloat16(network_.head.weight[i])));
  }
  EXPECT_EQ(read->head.bias, network_.head.bias);
  EXPECT_EQ(read->blocks[0].depthwise.weight, network_.blocks[0].depthwise.weight);
}

TEST_F(Compiled, Int8ComesBackWithItsScales) {
  network_ = test::with_int8(std::move(network_));
  network_.blocks[1].fc1.int8 = {};  // one that stays in bf16
  network_.blocks[1].fc1.weight = Values(values(network_.blocks[1].fc1.outputs * network_.blocks[1].fc1.inputs));
  const auto read = read_compiled(written());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->precision, Precision::int8);
  EXPECT_EQ(read->calibration, "mse over 3 pictures");
  for (std::size_t b = 0; b < 3; ++b) {
    for (const BlockProduct& product : kBlockProducts) {
      const Dense &got = read->blocks[b].*product.part, &want = network_.blocks[b].*product.part;
      const bool is_int8 = b != 1 || product.name != "fc1";
      EXPECT_EQ(got.is_int8(), is_int8);
      EXPECT_EQ(got.int8.inputs, want.int8.inputs);
      EXPECT_EQ(got.int8.outputs, want.int8.outputs);
      EXPECT_TRUE(std::ranges::equal(got.weight.integers(), want.weight.integers()));
      EXPECT_EQ(got.bias, want.bias);
      if (is_int8) {
        EXPECT_EQ(got.weight, want.weight);
      }
    }
  }
  EXPECT_EQ(read->head.weight[1], bfloat16_to_float(float_to_bfloat16(network_.head.weight[1])));
}

TEST_F(Compiled, TensorsThatDoNotFitAreNamed) {
  TensorFile file = written();
  ASSERT_TRUE(is_compiled(file));
  TensorFile missing = file;
  std::erase_if(missing.tensors, [](const Tensor& t) { return t.name == "block.1.fuse.weight"; });
  EXPECT_THAT(problem(missing), HasSubstr("tensor 'block.1.fuse.weight': is missing, expected shape (6, 18)"));
  TensorFile wrong = file;
  wrong.metadata["smlp.config"] = R"({"dim":3,"alpha":2,"patch":2,"image":16,"channels":2,"classes":2,"depths":[1,2]})";
  EXPECT_THAT(problem(wrong), HasSubstr("expected (8, 8)"));
  TensorFile extra = file;
  extra.tensors.push_back(extra.tensors[0]);
  extra.tensors.back().name = "block.9.fuse.weight";
  EXPECT_THAT(problem(extra), HasSubstr("tensor 'block.9.fuse.weight': is not part of"));
}

TEST_F(Compiled, MetadataIsChecked) {
  const TensorFile file = written();
  const auto with = [&](const std::string& key, const std::string& value) {
    TensorFile changed = file;
    changed.metadata[key] = value;
    return problem(changed);
  };
  EXPECT_THAT(with("smlp.format", "2"), HasSubstr("version '2' of the .smlp format"));
  EXPECT_THAT(with("smlp.classes", R"(["one"])"), HasSubstr("smlp.classes has 1 words, the network has 2 classes"));
  EXPECT_THAT(with("smlp.classes", R"([1,2])"), HasSubstr("no list of words"));
  EXPECT_THAT(with("smlp.classes", R"({)"), HasSubstr("no list of words"));
  EXPECT_THAT(with("smlp.precision", "fp8"), HasSubstr("fp8"));
  EXPECT_THAT(with("smlp.gelu", "tanh"), HasSubstr("tanh"));
  EXPECT_THAT(with("smlp.config", "{}"), HasSubstr("no number 'dim'"));
  EXPECT_THAT(with("smlp.config", R"({"dim":3,"alpha":2,"patch":2,"image":9,"channels":2,"classes":2,"depths":[1,2]})"),
              HasSubstr("divide"));
  const auto preprocess = [](const char* resize, const char* crop, const char* mode, const char* std) {
    return fmt::format(R"({{"resize":{},"crop":{},"interpolation":"{}","mean":[0,0,0],"std":{}}})", resize, crop, mode,
                       std);
  };
  EXPECT_EQ(with("smlp.preprocess", preprocess("9", "8", "bicubic", "[1,1,1]")), "no error");
  EXPECT_THAT(with("smlp.preprocess", preprocess("9", "7", "bicubic", "[1,1,1]")),
              HasSubstr("crop pictures to 7, the network takes 8"));
  EXPECT_THAT(with("smlp.preprocess", preprocess("4", "8", "bicubic", "[1,1,1]")), HasSubstr("resize to 4"));
  EXPECT_THAT(with("smlp.preprocess", preprocess("8193", "8", "bicubic", "[1,1,1]")), HasSubstr("resize to 8193"));
  EXPECT_THAT(with("smlp.preprocess", preprocess("9", "8", "sinc", "[1,1,1]")), HasSubstr("sinc"));
  EXPECT_THAT(with("smlp.preprocess", preprocess("9", "8", "bicubic", "[1,0,1]")), HasSubstr("standard deviation"));
  EXPECT_THAT(with("smlp.preprocess", preprocess("9", "8", "bicubic", "[1,1]")), HasSubstr("lacks"));
  for (const char* key : {"smlp.config", "smlp.precision", "smlp.gelu", "smlp.source", "smlp.source_sha256"}) {
    TensorFile bare = file;
    bare.metadata.erase(key);
    EXPECT_THAT(problem(bare), HasSubstr(fmt::format("its metadata lack '{}'", key)));
  }
}

TEST_F(Compiled, NumbersOfTheMetadataHaveLimits) {
  const TensorFile file = written();
  const auto with = [&](const std::string& key, const std::string& value) {
    TensorFile changed = file;
    changed.metadata[key] = value;
    return problem(changed);
  };
  for (const char* batch : {"1", "64", "65536"}) EXPECT_EQ(with("smlp.batch", batch), "no error") << batch;
  for (const char* batch : {"", "0", "-1", "65537", "1x", " 1", "99999999999", "one"}) {
    EXPECT_THAT(with("smlp.batch", batch), HasSubstr("is no batch size; 1 to 65536 are possible")) << batch;
  }
  const auto preprocess = [&](const char* resize, const char* mean, const char* std) {
    return with("smlp.preprocess", fmt::format(R"({{"resize":{},"crop":8,"mean":{},"std":{}}})", resize, mean, std));
  };
  for (const char* resize : {"8", "8192"}) EXPECT_EQ(preprocess(resize, "[0,0,0]", "[1,1,1]"), "no error") << resize;
  for (const char* resize : {"7", "8193", "-1", "8.0", "\"8\"", "1073741825", "null"}) {
    EXPECT_NE(preprocess(resize, "[0,0,0]", "[1,1,1]"), "no error") << resize;
  }
  for (const char* three : {"[0,0]", "[0,0,0,0]", "[0,0,\"0\"]", "0", "[0,0,1e39]", "null"}) {
    EXPECT_THAT(preprocess("9", three, "[1,1,1]"), HasSubstr("lacks resize, crop, mean or std")) << three;
  }
  for (const char* deviations : {"[0,1,1]", "[1,1,0]", "[1,-1,1]", "[1,1,1e-50]"}) {
    EXPECT_THAT(preprocess("9", "[0,0,0]", deviations), HasSubstr("standard deviation")) << deviations;
  }
  EXPECT_EQ(with("smlp.classes", "[]"), "no error");
  EXPECT_THAT(with("smlp.wnids", R"(["n1"])"), HasSubstr("smlp.wnids has 1 words, the network has 2 classes"));
  EXPECT_THAT(with("smlp.wnids", R"({"n1":"n2"})"), HasSubstr("smlp.wnids is no list of words"));
}

TEST_F(Compiled, NumbersAndWordsOfTheNetworkComeBack) {
  network_.batch = 17;
  network_.calibration = "mse over 3 pictures";
  network_.wnids = {"n01440764", "n03417042"};
  network_.preprocess.interpolation = Interpolation::lanczos;
  network_.preprocess.mean = {0.485F, 1e-30F, -3.0F};
  const auto read = read_compiled(written());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->batch, 17);
  EXPECT_EQ(read->calibration, network_.calibration);
  EXPECT_EQ(read->wnids, network_.wnids);
  EXPECT_EQ(read->preprocess, network_.preprocess);
  EXPECT_EQ(read->precision, Precision::fp32);
}

// By the first bytes alone, which tell a compiled network from a safetensors file with other metadata.
TEST_F(Compiled, AFileShowsThatItIsCompiledInItsFirstBytes) {
  written();
  const std::string bytes = read_text(path_);
  EXPECT_TRUE(looks_compiled(bytes));
  EXPECT_FALSE(looks_compiled(bytes.substr(0, 8)));
  EXPECT_FALSE(looks_compiled(""));
  EXPECT_FALSE(looks_compiled(bytes.substr(1)));
  EXPECT_FALSE(looks_compiled(std::string(8, ' ') + R"({"__metadata__":{"format":"pt"},"smlp":{}})"));
  EXPECT_FALSE(looks_compiled(std::string(8, ' ') + R"({"smlp.format":{"dtype":"F32"}})"));
}

TEST(Metadata, OfATrainedStateDictIsApplied) {
  const auto file = read_tensor_file(fixture("state.safetensors"));
  EXPECT_FALSE(is_compiled(*file));
  Network network;
  network.config = {.dim = 2, .patch = 2, .image = 6, .classes = 5, .depths = {1}};
  ASSERT_TRUE(apply_metadata(*file, network));
  EXPECT_EQ(network.class_names[1], "springer");
  EXPECT_EQ(network.preprocess,
            (Preprocess{.resize = 7, .crop = 6, .mean = {0.5F, 0.25F, 0.125F}, .std = {0.5F, 1, 2}}));
  network.config.alpha = 4;
  EXPECT_THAT(apply_metadata(*file, network).error().message(), HasSubstr("does not agree"));
  ASSERT_TRUE(apply_metadata(TensorFile{}, network));
  EXPECT_TRUE(network.class_names.empty());
  EXPECT_EQ(network.preprocess, Preprocess::for_image_size(6));
}

}  // namespace
}  // namespace smlp
