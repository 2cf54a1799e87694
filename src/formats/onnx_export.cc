#include "formats/onnx_export.h"

#include <cmath>
#include <limits>

#include "formats/onnx_builder.h"

namespace smlp {
namespace {

using Axes = std::vector<std::int64_t>;

constexpr int kLayerNormOpset = 17;   // LayerNormalization
constexpr int kReduceAxesOpset = 18;  // ReduceMean takes its axes as an input
constexpr int kGeluOpset = 20;        // Gelu
constexpr float kMomentum = 0.9F;     // as torch writes it; of no meaning in inference

// The ONNX release that introduced each opset fixes the version of the file format.
int ir_version(int opset) {
  if (opset <= 11) return 6;
  if (opset <= 14) return 7;
  if (opset <= 18) return 8;
  if (opset <= 20) return 9;
  return opset <= 22 ? 10 : 11;
}

// (rows, columns) -> (columns, rows)
std::vector<float> transposed(const std::vector<float>& matrix, std::size_t rows) {
  const std::size_t columns = matrix.size() / rows;
  std::vector<float> out(matrix.size());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) out[c * rows + r] = matrix[r * columns + c];
  }
  return out;
}

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
      : weights_(weights), config_(weights.config), opset_(opset), graph_(graph), builder_(graph) {}

  void write() {
    graph_.set_name("smlpnet");
    const std::int64_t picture[] = {config_.in_channels, config_.image, config_.image}, logits[] = {config_.classes};
    graph::GraphBuilder::describe(*graph_.add_input(), "input", picture);
    graph::GraphBuilder::describe(*graph_.add_output(), "output", logits);
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
  std::string conv(const std::string& name, std::initializer_list<std::string> inputs, std::int64_t kernel,
                   std::int64_t stride, std::int64_t padding, std::int64_t group) {
    return builder_.node("Conv", name, inputs,
                         {{"dilations", Axes{1, 1}},
                          {"group", group},
                          {"kernel_shape", Axes{kernel, kernel}},
                          {"pads", Axes(4, padding)},
                          {"strides", Axes{stride, stride}}});
  }

  std::string transpose(const std::string& name, const std::string& x, Axes perm) {
    return builder_.node("Transpose", name, {x}, {{"perm", std::move(perm)}});
  }

  // Numbers that the spelt-out operators need, written once for the whole graph.
  std::string number(const std::string& name, float value) {
    for (const auto& tensor : graph_.initializer()) {
      if (tensor.name() == name) return name;
    }
    return builder_.weight(name, {}, std::span(&value, 1));
  }

  std::string batch_norm(const std::string& name, const std::string& key, const std::string& x, const BatchNorm& norm) {
    const Axes shape = {static_cast<std::int64_t>(norm.weight.size())};
    return builder_.node(
        "BatchNormalization", name,
        {x, builder_.weight(key + ".weight", shape, norm.weight), builder_.weight(key + ".bias", shape, norm.bias),
         builder_.weight(key + ".running_mean", shape, norm.mean),
         builder_.weight(key + ".running_var", shape, norm.variance)},
        {{"epsilon", norm.epsilon}, {"momentum", kMomentum}});
  }

  // x (1 + erf(x / sqrt 2)) / 2
  std::string gelu(const std::string& name, const std::string& x) {
    if (opset_ >= kGeluOpset) return builder_.node("Gelu", name, {x});
    const auto scaled = builder_.node("Div", name + "/Div", {x, number("gelu.sqrt_2", std::sqrt(2.0F))});
    const auto erf = builder_.node("Erf", name + "/Erf", {scaled});
    const auto curve = builder_.node("Add", name + "/Add", {erf, number("gelu.one", 1.0F)});
    const auto product = builder_.node("Mul", name + "/Mul", {x, curve});
    return builder_.node("Mul", name, {product, number("gelu.half", 0.5F)});
  }

  std::string mean(const std::string& name, const std::string& x, const char* axes_name, Axes axes, bool keep) {
    const std::int64_t keepdims = keep ? 1 : 0;
    if (opset_ < kReduceAxesOpset) {
      return builder_.node("ReduceMean", name, {x}, {{"axes", std::move(axes)}, {"keepdims", keepdims}});
    }
    return builder_.node("ReduceMean", name, {x, builder_.integers(axes_name, axes)}, {{"keepdims", keepdims}});
  }

  // Over the last dimension.
  std::string layer_norm(const std::string& name, const std::string& key, const std::string& x, const LayerNorm& norm) {
    const Axes shape = {static_cast<std::int64_t>(norm.weight.size())};
    const auto weight = builder_.weight(key + ".weight", shape, norm.weight);
    const auto bias = builder_.weight(key + ".bias", shape, norm.bias);
    if (opset_ >= kLayerNormOpset) {
      return builder_.node("LayerNormalization", name, {x, weight, bias},
                           {{"axis", std::int64_t{-1}}, {"epsilon", norm.epsilon}});
    }
    const auto epsilon = builder_.weight(key + ".epsilon", {}, std::span(&norm.epsilon, 1));
    const auto centre = mean(name + "/ReduceMean", x, "", {-1}, true);
    const auto centred = builder_.node("Sub", name + "/Sub", {x, centre});
    const auto square = builder_.node("Pow", name + "/Pow", {centred, number("layer_norm.two", 2.0F)});
    const auto variance = mean(name + "/ReduceMean_1", square, "", {-1}, true);
    const auto deviation =
        builder_.node("Sqrt", name + "/Sqrt", {builder_.node("Add", name + "/Add", {variance, epsilon})});
    const auto normalised = builder_.node("Div", name + "/Div", {centred, deviation});
    return builder_.node("Add", name, {builder_.node("Mul", name + "/Mul", {normalised, weight}), bias});
  }

  // Over the last dimension of a tensor of four: a product with the transposed weight, as torch writes nn.Linear.
  std::string linear(const std::string& name, const std::string& key, const std::string& x, const Linear& layer) {
    const auto outputs = static_cast<std::int64_t>(layer.bias.size());
    const auto inputs = static_cast<std::int64_t>(layer.weight.size()) / outputs;
    const auto weight =
        builder_.weight(key + ".weight.transposed", {inputs, outputs}, transposed(layer.weight, layer.bias.size()));
    const auto bias = builder_.weight(key + ".bias", {outputs}, layer.bias);
    return builder_.node("Add", name, {bias, builder_.node("MatMul", name + "/MatMul", {x, weight})});
  }

  std::string stem(int s, const std::string& x) {
    const std::string key = fmt::format("to_patch_embedding.{}.0", s);
    const std::int64_t kernel = config_.stem_kernel(s);
    const auto weight = builder_.weight(key + ".weight", {config_.channels(s), config_.stem_inputs(s), kernel, kernel},
                                        weights_.stems[s]);
    return conv(fmt::format("stem.{}", s), {x, weight}, kernel, kernel, 0, 1);
  }

  // A 1x1 convolution over the axis that `to` brings into the channels' place.
  std::string mixing(const std::string& name, const std::string& key, const std::string& g, const Linear& layer,
                     Axes to, Axes back) {
    const auto h = static_cast<std::int64_t>(layer.bias.size());
    const auto weight = builder_.weight(key + ".weight", {h, h, 1, 1}, layer.weight);
    const auto bias = builder_.weight(key + ".bias", {h}, layer.bias);
    const auto turned = transpose(name + "/Transpose", g, std::move(to));
    return transpose(name, conv(name + "/Conv", {turned, weight, bias}, 1, 1, 0, 1), std::move(back));
  }

  std::string token_mixing(std::size_t b, int s, const std::string& x) {
    const BlockWeights& block = weights_.blocks[b];
    const std::string name = fmt::format("token_mix.{}", b), local = name + ".0.conv_merge", mix = name + ".1";
    const std::int64_t channels = config_.channels(s);
    const auto a = gelu(name + "/gelu_1", batch_norm(name + "/bn_1", local + ".BN", x, block.bn1));
    const Folded depthwise = fold_depthwise(block);
    const auto weight = builder_.weight(local + ".Conv.weight.folded", {channels, 1, 3, 3}, depthwise.weight);
    const auto bias = builder_.weight(local + ".Conv.bias.folded", {channels}, depthwise.bias);
    const auto g = gelu(name + "/gelu_2", conv(name + "/depthwise", {a, weight, bias}, 3, 1, 1, channels));
    const auto along_width =
        mixing(name + "/mix_width", mix + ".proj_h", g, block.mix_width, {0, 3, 1, 2}, {0, 2, 3, 1});
    const auto along_height =
        mixing(name + "/mix_height", mix + ".proh_w", g, block.mix_height, {0, 2, 1, 3}, {0, 2, 1, 3});
    const auto joined =
        builder_.node("Concat", name + "/concat", {g, along_width, along_height}, {{"axis", std::int64_t{1}}});
    const auto fuse = builder_.weight(mix + ".fuse.weight", {channels, 3 * channels, 1, 1}, block.fuse);
    return builder_.node("Add", name, {x, conv(name + "/fuse", {joined, fuse}, 1, 1, 0, 1)});
  }

  std::string channel_mixing(std::size_t b, const std::string& x) {
    const BlockWeights& block = weights_.blocks[b];
    const std::string name = fmt::format("channel_mix.{}", b);
    const auto turned = transpose(name + "/to_nhwc", x, {0, 2, 3, 1});
    const auto normalised = layer_norm(name + "/layer_norm", name + ".1", turned, block.norm);
    const auto hidden = gelu(name + "/gelu", linear(name + "/fc1", name + ".2.net.0", normalised, block.fc1));
    const auto out = linear(name + "/fc2", name + ".2.net.3", hidden, block.fc2);
    return builder_.node("Add", name, {x, transpose(name + "/to_nchw", out, {0, 3, 1, 2})});
  }

  void head(const std::string& x) {
    const std::int64_t features = config_.features(), classes = config_.classes;
    const auto normalised = batch_norm("head/bn", "batch_norm", x, weights_.head_norm);
    const auto pooled = mean("head/mean", normalised, "head.axes", {2, 3}, false);
    const auto flat = builder_.node("Flatten", "head/flatten", {pooled}, {{"axis", std::int64_t{1}}});
    const auto weight = builder_.weight("mlp_head.0.weight", {classes, features}, weights_.head.weight);
    const auto bias = builder_.weight("mlp_head.0.bias", {classes}, weights_.head.bias);
    builder_.node("Gemm", "output", {flat, weight, bias},
                  {{"alpha", 1.0F}, {"beta", 1.0F}, {"transB", std::int64_t{1}}});
  }

  const Weights& weights_;
  const Config& config_;
  int opset_;
  onnx::GraphProto& graph_;
  graph::GraphBuilder builder_;
};

}  // namespace

Result<std::uint64_t> export_onnx(const Weights& weights, const OnnxExportOptions& options,
                                  const std::filesystem::path& path) {
  if (options.opset < kFirstOnnxOpset || options.opset > kLastOnnxOpset) {
    return fail(Error{.what = fmt::format("ONNX opset {} is not written", options.opset),
                      .remedy = fmt::format("choose one from {} to {}", kFirstOnnxOpset, kLastOnnxOpset)});
  }
  onnx::ModelProto model;
  model.set_ir_version(ir_version(options.opset));
  model.set_producer_name("smlp");
  model.set_producer_version(options.producer_version);
  for (const auto& [key, value] : options.metadata) {
    auto* property = model.add_metadata_props();
    property->set_key(key);
    property->set_value(value);
  }
  auto* opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(options.opset);
  Exporter(weights, options.opset, *model.mutable_graph()).write();
  const std::size_t size = model.ByteSizeLong();
  if (size > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    return fail(Error{.what = fmt::format("{} bytes of ONNX, and its protobuf holds no more than 2 GB", size),
                      .file = path.string()});
  }
  std::string bytes;
  if (!model.SerializeToString(&bytes)) return fail("protobuf cannot serialise the network");
  SMLP_CHECK(write_file(path, bytes, options.existing));
  return size;
}

}  // namespace smlp
