#include "formats/onnx_export.h"

#include <cmath>
#include <utility>

#include "formats/onnx_file.h"
#include "formats/onnx_operators.h"

namespace smlp {
namespace {

constexpr float kMomentum = 0.9F;  // as torch writes it; of no meaning in inference

struct Folded {
  std::vector<float> weight, bias;
};

// BN2 into the depthwise convolution before it, in double.
Folded fold_depthwise(const BlockWeights& block) {
  Folded out{.weight = block.depthwise, .bias = block.bn2.bias};
  const std::size_t channels = out.bias.size(), taps = out.weight.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    const double deviation = std::sqrt(static_cast<double>(block.bn2.variance[c]) + block.bn2.epsilon);
    const double scale = block.bn2.weight[c] / deviation;
    for (std::size_t i = 0; i < taps; ++i) {
      float& weight = out.weight[c * taps + i];
      weight = static_cast<float>(weight * scale);
    }
    out.bias[c] = static_cast<float>(block.bn2.bias[c] - scale * block.bn2.mean[c]);
  }
  return out;
}

class Exporter {
 public:
  Exporter(const Weights& weights, int opset, onnx::GraphProto& graph)
      : weights_(weights), config_(weights.config), graph_(graph), builder_(graph), ops_(builder_, opset) {}

  void write() {
    graph::describe_network(graph_, config_);
    std::string x = "input";
    std::size_t b = 0;
    for (int s = 0; s < config_.stages(); ++s) {
      x = stem(s, x);
      for (int i = 0; i < config_.depths[s]; ++i, ++b) {
        x = token_mixing(b, s, x);
        x = channel_mixing(b, x);
      }
    }
    head(x);
  }

 private:
  std::string batch_norm(const std::string& name, const std::string& key, const std::string& x, const BatchNorm& norm) {
    const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(norm.weight.size())};
    return builder_.node(
        "BatchNormalization", name,
        {x, builder_.weight(key + ".weight", shape, norm.weight), builder_.weight(key + ".bias", shape, norm.bias),
         builder_.weight(key + ".running_mean", shape, norm.mean),
         builder_.weight(key + ".running_var", shape, norm.variance)},
        {{"epsilon", norm.epsilon}, {"momentum", kMomentum}});
  }

  std::string layer_norm(const std::string& name, const std::string& key, const std::string& x, const LayerNorm& norm) {
    const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(norm.weight.size())};
    const auto weight = builder_.weight(key + ".weight", shape, norm.weight);
    return ops_.layer_norm(name, key, x, weight, builder_.weight(key + ".bias", shape, norm.bias), norm.epsilon);
  }

  // Over the last dimension of a tensor of four: a product with the transposed weight, as torch writes nn.Linear.
  std::string linear(const std::string& name, const std::string& key, const std::string& x, const Linear& layer) {
    const auto outputs = static_cast<std::int64_t>(layer.bias.size());
    const auto inputs = static_cast<std::int64_t>(layer.weight.size()) / outputs;
    const auto weight = builder_.weight(key + ".weight.transposed", {inputs, outputs},
                                        graph::transposed(layer.weight, layer.bias.size()));
    const auto bias = builder_.weight(key + ".bias", {outputs}, layer.bias);
    return builder_.node("Add", name, {bias, builder_.node("MatMul", name + "/MatMul", {x, weight})});
  }

  std::string stem(int s, const std::string& x) {
    const std::string key = fmt::format("to_patch_embedding.{}.0", s);
    const std::int64_t kernel = config_.stem_kernel(s);
    const auto weight = builder_.weight(key + ".weight", {config_.channels(s), config_.stem_inputs(s), kernel, kernel},
                                        weights_.stems[s]);
    return ops_.conv(fmt::format("stem.{}", s), {x, weight}, kernel, kernel, 0, 1);
  }

  // The name of a mixing layer's weight, as a 1x1 convolution, and of its bias.
  std::pair<std::string, std::string> mixing_weights(const std::string& key, const Linear& layer) {
    const auto h = static_cast<std::int64_t>(layer.bias.size());
    return {builder_.weight(key + ".weight", {h, h, 1, 1}, layer.weight),
            builder_.weight(key + ".bias", {h}, layer.bias)};
  }

  std::string token_mixing(std::size_t b, int s, const std::string& x) {
    const BlockWeights& block = weights_.blocks[b];
    const std::string name = fmt::format("token_mix.{}", b), local = name + ".0.conv_merge", mix = name + ".1";
    const std::int64_t channels = config_.channels(s);
    const auto a = ops_.gelu(name + "/gelu_1", batch_norm(name + "/bn_1", local + ".BN", x, block.bn1));
    const Folded depthwise = fold_depthwise(block);
    const auto weight = builder_.weight(local + ".Conv.weight.folded", {channels, 1, 3, 3}, depthwise.weight);
    const auto bias = builder_.weight(local + ".Conv.bias.folded", {channels}, depthwise.bias);
    const auto g = ops_.gelu(name + "/gelu_2", ops_.conv(name + "/depthwise", {a, weight, bias}, 3, 1, 1, channels));
    const auto [width, width_bias] = mixing_weights(mix + ".proj_h", block.mix_width);
    const auto [height, height_bias] = mixing_weights(mix + ".proh_w", block.mix_height);
    const auto along_width = ops_.mix_width(name + "/mix_width", g, width, width_bias);
    const auto along_height = ops_.mix_height(name + "/mix_height", g, height, height_bias);
    const auto joined =
        builder_.node("Concat", name + "/concat", {g, along_width, along_height}, {{"axis", std::int64_t{1}}});
    const auto fuse = builder_.weight(mix + ".fuse.weight", {channels, 3 * channels, 1, 1}, block.fuse);
    return builder_.node("Add", name, {x, ops_.pointwise(name + "/fuse", {joined, fuse})});
  }

  std::string channel_mixing(std::size_t b, const std::string& x) {
    const BlockWeights& block = weights_.blocks[b];
    const std::string name = fmt::format("channel_mix.{}", b);
    const auto turned = ops_.transpose(name + "/to_nhwc", x, {0, 2, 3, 1});
    const auto normalised = layer_norm(name + "/layer_norm", name + ".1", turned, block.norm);
    const auto hidden = ops_.gelu(name + "/gelu", linear(name + "/fc1", name + ".2.net.0", normalised, block.fc1));
    const auto out = linear(name + "/fc2", name + ".2.net.3", hidden, block.fc2);
    return builder_.node("Add", name, {x, ops_.transpose(name + "/to_nchw", out, {0, 3, 1, 2})});
  }

  void head(const std::string& x) {
    const std::int64_t features = config_.features(), classes = config_.classes;
    const auto normalised = batch_norm("head/bn", "batch_norm", x, weights_.head_norm);
    const auto pooled = ops_.pool("head", normalised);
    const auto weight = builder_.weight("mlp_head.0.weight", {classes, features}, weights_.head.weight);
    const auto bias = builder_.weight("mlp_head.0.bias", {classes}, weights_.head.bias);
    ops_.gemm("output", pooled, weight, bias);
  }

  const Weights& weights_;
  const Config& config_;
  onnx::GraphProto& graph_;
  graph::GraphBuilder builder_;
  graph::Operators ops_;
};

}  // namespace

Result<std::uint64_t> export_onnx(const Weights& weights, const OnnxExportOptions& options,
                                  const std::filesystem::path& path) {
  return graph::write_model(options, path,
                            [&](onnx::GraphProto& graph) { Exporter(weights, options.opset, graph).write(); });
}

}  // namespace smlp
