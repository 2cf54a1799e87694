#include "model/checkpoint.h"

#include <gmock/gmock.h>

#include <limits>

#include "model/state_dict.h"

namespace smlp {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kImage = 48;

// Every element different, so that a mix-up of tensors or of axes shows.
Weights numbered(const Config& config) {
  Weights weights;
  weights.config = config;
  resize_to_config(weights);
  float next = 1;
  for (const StateDictEntry& entry : state_dict_entries(weights)) {
    if (entry.values == nullptr) continue;
    std::int64_t count = 1;
    for (const auto extent : entry.shape) count *= extent;
    for (std::int64_t i = 0; i < count; ++i) entry.values->push_back(next += 0.5F);
  }
  return weights;
}

Config small_config() {
  return {.in_channels = 2, .dim = 3, .alpha = 2, .patch = 4, .image = kImage, .classes = 5, .depths = {1, 2, 1}};
}

Tensor& find(TensorFile& file, std::string_view name) {
  return *std::ranges::find_if(file.tensors, [&](const Tensor& t) { return t.name == name; });
}

void erase(TensorFile& file, std::string_view name) {
  std::erase_if(file.tensors, [&](const Tensor& t) { return t.name == name; });
}

void erase_family(TensorFile& file, std::string_view start) {
  std::erase_if(file.tensors, [&](const Tensor& t) { return t.name.starts_with(start); });
}

// A file of two networks, each in a dict of its own.
TensorFile both(const std::string& container, const Weights& weights, const std::string& other_container,
                const Weights& other_weights) {
  TensorFile file;
  for (const auto& [name, source] : {std::pair{container, &weights}, std::pair{other_container, &other_weights}}) {
    for (Tensor tensor : tensors_from_weights(*source).tensors) {
      tensor.container = name;
      file.tensors.push_back(std::move(tensor));
    }
  }
  return file;
}

std::string error_of(const TensorFile& file) {
  const auto weights = weights_from_tensors(file);
  return weights ? "no error" : weights.error().message();
}

class CheckpointTest : public testing::Test {
 protected:
  Weights weights_ = numbered(small_config());
  TensorFile file_ = tensors_from_weights(weights_);
};

TEST_F(CheckpointTest, ConfigurationAndValuesComeBackFromKeysAndShapes) {
  for (const Config& config :
       {small_config(), Config{.dim = 8, .alpha = 4, .patch = 2, .image = 16, .classes = 1, .depths = {1, 1, 2, 1}},
        Config{.in_channels = 1, .dim = 5, .alpha = 1, .patch = 7, .image = 56, .classes = 9, .depths = {3}},
        Config{.dim = 4, .patch = 4, .image = 64, .classes = 3, .depths = {0, 2, 0, 1}}}) {
    const Weights weights = numbered(config);
    const auto read = weights_from_tensors(tensors_from_weights(weights));
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(read->config, config);
    EXPECT_EQ(read->stems, weights.stems);
    const auto& got = read->blocks.back();
    const auto& want = weights.blocks.back();
    EXPECT_EQ(got.bn1.variance, want.bn1.variance);
    EXPECT_EQ(got.mix_width.weight, want.mix_width.weight);
    EXPECT_EQ(got.mix_height.bias, want.mix_height.bias);
    EXPECT_EQ(got.fc2.weight, want.fc2.weight);
    EXPECT_EQ(read->head.bias, weights.head.bias);
  }
}

TEST_F(CheckpointTest, PrefixesAndContainersAreFound) {
  for (const std::string prefix : {"module.", "_orig_mod.", "_orig_mod.module.", "model."}) {
    for (const std::string container : {"", "state_dict", "model_ema", "checkpoint.0.net"}) {
      TensorFile file = file_;
      for (Tensor& tensor : file.tensors) {
        tensor.name = prefix + tensor.name;
        tensor.container = container;
      }
      const auto read = weights_from_tensors(file);
      ASSERT_TRUE(read) << read.error().message();
      EXPECT_EQ(read->head.weight, weights_.head.weight);
      EXPECT_EQ(find_network(file)->prefix, prefix);
      EXPECT_EQ(find_network(file)->container, container);
    }
  }
}

TEST_F(CheckpointTest, TheWeightsThemselvesArePreferredToTheirAverage) {
  Weights average = numbered(small_config());
  average.head.bias[0] = -100;
  for (const auto& [of_average, own] :
       {std::pair{"model_ema", "model"}, {"EMA", "net"}, {"ema.weights", "net"}, {"net-ema", "schema"}}) {
    const TensorFile file = both(of_average, average, own, weights_);
    EXPECT_EQ(weights_from_tensors(file)->head.bias, weights_.head.bias) << own;
    EXPECT_EQ(find_network(file)->container, own);
  }
}

// No training script's order says which is meant.
TEST_F(CheckpointTest, TwoNetworksThatStandAlikeAreRefused) {
  for (const auto& [first, second] : {std::pair{"teacher", "student"},
                                      {"averaged", "net"},
                                      {"model", "state_dict"},
                                      {"ema_1", "ema_2"},
                                      {"demand", "schema"}}) {
    EXPECT_THAT(error_of(both(first, weights_, second, weights_)),
                AllOf(HasSubstr(fmt::format("holds several networks: '{}' and '{}'", first, second)),
                      HasSubstr("torch.save(checkpoint[")));
  }
}

// One beside the other, where the keys of the second start with those of the first.
TEST_F(CheckpointTest, ANetworkBelowAnotherIsNoPartOfIt) {
  Weights average = numbered(small_config());
  average.head.bias[0] = -100;
  for (const std::string prefix : {"", "module.", "model."}) {
    TensorFile file;
    for (const auto& [start, source] : {std::pair{prefix + "ema.", &average}, std::pair{prefix, &weights_}}) {
      for (Tensor tensor : tensors_from_weights(*source).tensors) {
        tensor.name = start + tensor.name;
        file.tensors.push_back(std::move(tensor));
      }
    }
    const auto read = weights_from_tensors(file);
    ASSERT_TRUE(read) << prefix << ": " << read.error().message();
    EXPECT_EQ(read->head.bias, weights_.head.bias);
    EXPECT_EQ(find_network(file)->prefix, prefix);
  }
}

TEST_F(CheckpointTest, EveryMissingTensorIsNamedWithItsShape) {
  for (const Tensor& tensor : file_.tensors) {
    TensorFile file = file_;
    file.path = "a.pth";
    erase(file, tensor.name);
    if (tensor.name.ends_with("num_batches_tracked")) {
      EXPECT_EQ(error_of(file), "no error");
    } else {
      EXPECT_THAT(error_of(file), AllOf(HasSubstr("a.pth: tensor '" + tensor.name + "'"), HasSubstr("is missing")));
    }
  }
  erase(file_, "token_mix.1.1.fuse.weight");
  EXPECT_THAT(error_of(file_), HasSubstr("expected shape (6, 18, 1, 1)"));
}

TEST_F(CheckpointTest, HalfABlockIsMissingWhereTheOtherHalfIsThere) {
  TensorFile file = file_;
  erase_family(file, "channel_mix.3.");
  EXPECT_THAT(error_of(file), AllOf(HasSubstr("tensor 'channel_mix.3."), HasSubstr("is missing")));
  file = file_;
  erase_family(file, "token_mix.3.");
  EXPECT_THAT(error_of(file), AllOf(HasSubstr("tensor 'token_mix.3."), HasSubstr("is missing")));
}

// Without it the block would join the stage before, and be asked for half as many channels.
TEST_F(CheckpointTest, OneTensorIsEnoughToTellABlocksStage) {
  const auto in_block = [](const std::string& name) {
    return name.starts_with("token_mix.1.") || name.starts_with("channel_mix.1.");
  };
  for (const std::string kept :
       {"token_mix.1.0.conv_merge.Conv.weight", "token_mix.1.0.conv_merge.BN.weight",
        "token_mix.1.0.conv_merge.BN.bias", "token_mix.1.0.conv_merge.BN.running_mean",
        "token_mix.1.0.conv_merge.BN.running_var", "token_mix.1.1.BN.weight", "token_mix.1.1.BN.bias",
        "token_mix.1.1.BN.running_mean", "token_mix.1.1.BN.running_var", "token_mix.1.1.fuse.weight",
        "channel_mix.1.1.weight", "channel_mix.1.1.bias", "channel_mix.1.2.net.0.weight",
        "channel_mix.1.2.net.3.weight", "channel_mix.1.2.net.3.bias"}) {
    TensorFile file = file_;
    find(file, kept);
    std::erase_if(file.tensors, [&](const Tensor& t) { return in_block(t.name) && t.name != kept; });
    const Tensor& missing = *std::ranges::find_if(
        file_.tensors, [&](const Tensor& t) { return t.name.starts_with("token_mix.1.") && t.name != kept; });
    EXPECT_THAT(error_of(file), HasSubstr(fmt::format("tensor '{}': is missing, expected shape {}", missing.name,
                                                      missing.shape_text())))
        << kept;
  }
}

// The head is as wide as three stages make it, and the first block as narrow as one.
TEST_F(CheckpointTest, StemsAreMissingWhereTheFirstIsAlone) {
  erase_family(file_, "to_patch_embedding.1.");
  erase_family(file_, "to_patch_embedding.2.");
  EXPECT_THAT(error_of(file_), HasSubstr("tensor 'to_patch_embedding.1.0.weight': is missing, expected shape (6, 3, "));
}

TEST_F(CheckpointTest, EveryWrongShapedTensorIsNamedWithBothShapes) {
  for (const Tensor& tensor : file_.tensors) {
    if (tensor.name.ends_with("num_batches_tracked") || tensor.name == "to_patch_embedding.0.0.weight") continue;
    TensorFile file = file_;
    Tensor& wrong = find(file, tensor.name);
    wrong.shape[0] += 1;
    const std::vector<std::byte> zeros(static_cast<std::size_t>(wrong.elements()) * sizeof(float));
    wrong.storage = zeros;
    wrong.offset = 0;
    if (tensor.name == "mlp_head.0.weight") {
      EXPECT_THAT(error_of(file), HasSubstr("tensor 'mlp_head.0.bias': shape (5,), expected (6,)"));
    } else {
      EXPECT_THAT(error_of(file), HasSubstr(fmt::format("tensor '{}': shape {}, expected {}", tensor.name,
                                                        wrong.shape_text(), tensor.shape_text())));
    }
  }
}

TEST_F(CheckpointTest, AnExtraTensorIsNamed) {
  Tensor extra = file_.tensors.front();
  extra.name = "token_mix.0.1.gate.weight";
  file_.tensors.push_back(extra);
  EXPECT_THAT(error_of(file_), HasSubstr("tensor 'token_mix.0.1.gate.weight': is not part of an sMLPNet"));
}

TEST_F(CheckpointTest, ValuesThatNoNetworkCanRunOnAreNamed) {
  weights_.blocks[1].fc1.weight[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error_of(file_), AllOf(HasSubstr("channel_mix.1.2.net.0.weight"), HasSubstr("element 7 is nan")));
  weights_.blocks[1].fc1.weight[7] = 0;
  weights_.head_norm.variance[2] = -0.5F;
  EXPECT_THAT(error_of(file_), AllOf(HasSubstr("batch_norm.running_var"), HasSubstr("cannot be negative")));
}

TEST_F(CheckpointTest, IntegerWeightsAreRefused) {
  find(file_, "batch_norm.bias").dtype = DType::i32;
  EXPECT_THAT(error_of(file_), AllOf(HasSubstr("batch_norm.bias"), HasSubstr("floating-point")));
}

TEST_F(CheckpointTest, AGridThatDoesNotHalveIsAnError) {
  for (Tensor& tensor : file_.tensors) {
    if (tensor.name.find("proj_h") == std::string::npos && tensor.name.find("proh_w") == std::string::npos) continue;
    for (auto& extent : tensor.shape) extent = extent == 1 ? 1 : extent + 1;
  }
  EXPECT_THAT(error_of(file_), HasSubstr("proj_h.weight': shape"));
}

TEST(Checkpoint, AnotherNetworkIsRefusedWithTheReason) {
  TensorFile file;
  file.path = "resnet.pth";
  EXPECT_THAT(error_of(file), HasSubstr("resnet.pth: this is no sMLPNet: it holds no tensors"));
  Tensor tensor;
  tensor.name = "conv1.weight";
  tensor.shape = {16, 3, 3, 3};
  file.tensors.push_back(tensor);
  EXPECT_THAT(error_of(file), AllOf(HasSubstr("none of its 1 tensors"), HasSubstr("'conv1.weight' (16, 3, 3, 3)")));
}

}  // namespace
}  // namespace smlp
