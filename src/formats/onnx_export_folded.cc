// A network as it runs, with its products of bytes between QuantizeLinear and DequantizeLinear (QDQ):
//
//   x -> QuantizeLinear(s, z) -> DequantizeLinear(s, z) -+
//                                                         MatMul or Conv -> + bias
//   integers (int8) -> DequantizeLinear(outputs / s, 0) -+
//
// fuse reads three segments with a scale each, so it is three such convolutions and their sum.
#include <span>

#include "formats/onnx_export.h"
#include "formats/onnx_file.h"
#include "formats/onnx_operators.h"

namespace smlp {
namespace {

using Shape = std::vector<std::int64_t>;

std::vector<float> floats_of(const Dense& dense) {
  std::vector<float> room;
  const auto all = dense.weight.floats(room);
  return {all.begin(), all.end()};
}

// Columns `first` to `first + count` of a matrix of as many rows as `dense` has outputs.
template <class T>
std::vector<T> columns(std::span<const T> matrix, const Dense& dense, int first, int count) {
  std::vector<T> out;
  for (int n = 0; n < dense.outputs; ++n) {
    const auto row = matrix.subspan(
        static_cast<std::size_t>(n) * static_cast<std::size_t>(dense.inputs) + static_cast<std::size_t>(first),
        static_cast<std::size_t>(count));
    out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

class FoldedExporter {
 public:
  FoldedExporter(const Network& network, int opset, onnx::GraphProto& graph)
      : network_(network), config_(network.config), graph_(graph), builder_(graph), ops_(builder_, opset) {}

  void write() {
    graph::describe_network(graph_, config_);
    std::string x = "input";
    int b = 0;
    for (int s = 0; s < config_.stages(); ++s) {
      x = stem(s, x);
      for (int i = 0; i < config_.depths[s]; ++i, ++b) x = channel_mixing(b, token_mixing(b, x));
    }
    ops_.gemm("output", ops_.pool("head", x), matrix("head", network_.head), bias("head", network_.head));
  }

 private:
  std::string bias(const std::string& key, const Dense& dense) {
    return builder_.weight(key + ".bias", {dense.outputs}, dense.bias);
  }

  // (outputs, inputs), and with `more` dimensions of 1 behind.
  std::string matrix(const std::string& key, const Dense& dense, const Shape& more = {}) {
    Shape shape = {dense.outputs, dense.inputs};
    shape.insert(shape.end(), more.begin(), more.end());
    return builder_.weight(key + ".weight", shape, floats_of(dense));
  }

  // x through bytes and back.
  std::string through_bytes(const std::string& name, const std::string& key, const std::string& x, InputScale input) {
    const auto zero = static_cast<std::uint8_t>(input.zero);
    const auto scale_name = builder_.weight(key + ".input_scale", {}, std::span(&input.scale, 1));
    const auto zero_name = builder_.weight(key + ".input_zero", {}, std::span(&zero, 1));
    const auto bytes = builder_.node("QuantizeLinear", name + "/QuantizeLinear", {x, scale_name, zero_name});
    return builder_.node("DequantizeLinear", name + "/DequantizeLinear", {bytes, scale_name, zero_name});
  }

  // Integers of a segment of inputs as the numbers that they stand for; output n lies along `axis`.
  std::string dequantized(const std::string& name, const std::string& key, const Dense& dense, InputScale input,
                          const Shape& shape, const std::vector<std::int8_t>& integers, std::int64_t axis) {
    std::vector<float> scales = dense.int8.outputs;
    for (float& scale : scales) scale /= input.scale;
    const std::vector<std::int8_t> zeros(scales.size());
    const auto weight = builder_.weight(key + ".weight", shape, integers);
    const auto scale = builder_.weight(key + ".weight_scale", {dense.outputs}, scales);
    const auto zero = builder_.weight(key + ".weight_zero", {dense.outputs}, zeros);
    return builder_.node("DequantizeLinear", name, {weight, scale, zero}, {{"axis", axis}});
  }

  std::string stem(int s, const std::string& x) {
    const Dense& dense = network_.stems[static_cast<std::size_t>(s)];
    const std::int64_t kernel = config_.stem_kernel(s);
    const auto weight = builder_.weight(fmt::format("stem.{}.weight", s),
                                        {dense.outputs, config_.stem_inputs(s), kernel, kernel}, floats_of(dense));
    return ops_.conv(fmt::format("stem.{}", s), {x, weight}, kernel, kernel, 0, 1);
  }

  // GELU(DW3x3(GELU(scale x + shift)) + bias)
  std::string local(const std::string& name, const std::string& key, const FoldedBlock& block, const std::string& x) {
    const std::int64_t channels = block.depthwise.outputs;
    const auto scale = builder_.weight(key + "pre.scale", {channels, 1, 1}, block.pre.scale);
    const auto shift = builder_.weight(key + "pre.shift", {channels, 1, 1}, block.pre.shift);
    const auto scaled = builder_.node("Mul", name + "/pre/Mul", {x, scale});
    const auto a = ops_.gelu(name + "/gelu_1", builder_.node("Add", name + "/pre", {scaled, shift}));
    const auto weight = builder_.weight(key + "depthwise.weight", {channels, 1, 3, 3}, floats_of(block.depthwise));
    const auto sum =
        ops_.conv(name + "/depthwise", {a, weight, bias(key + "depthwise", block.depthwise)}, 3, 1, 1, channels);
    return ops_.gelu(name + "/gelu_2", sum);
  }

  std::string token_mixing(int b, const std::string& x) {
    const FoldedBlock& block = network_.blocks[static_cast<std::size_t>(b)];
    const std::string name = fmt::format("token_mix.{}", b), key = fmt::format("block.{}.", b);
    const auto g = local(name, key, block, x);
    const auto mixed_weight = [&](const char* part, const Dense& dense) { return matrix(key + part, dense, {1, 1}); };
    const auto along_width = ops_.mix_width(name + "/mix_width", g, mixed_weight("mix_width", block.mix_width),
                                            bias(key + "mix_width", block.mix_width));
    const auto along_height = ops_.mix_height(name + "/mix_height", g, mixed_weight("mix_height", block.mix_height),
                                              bias(key + "mix_height", block.mix_height));
    const std::string segments[] = {g, along_width, along_height};
    const auto fused = block.fuse.is_int8() ? fuse_bytes(name + "/fuse", key + "fuse", block.fuse, segments)
                                            : fuse(name + "/fuse", key + "fuse", block.fuse, segments);
    return builder_.node("Add", name, {x, fused});
  }

  std::string fuse(const std::string& name, const std::string& key, const Dense& dense,
                   std::span<const std::string, 3> x) {
    const auto joined = builder_.node("Concat", name + "/concat", {x[0], x[1], x[2]}, {{"axis", std::int64_t{1}}});
    const auto weight = matrix(key, dense, {1, 1});
    return dense.bias.empty() ? ops_.pointwise(name, {joined, weight})
                              : ops_.pointwise(name, {joined, weight, bias(key, dense)});
  }

  std::string fuse_bytes(const std::string& name, const std::string& key, const Dense& dense,
                         std::span<const std::string, 3> x) {
    const int each = dense.inputs / 3;
    const std::string sums[] = {{}, name + "/sum", name};  // of the first two products, and of all
    std::string sum;
    for (int i = 0; i < 3; ++i) {
      const std::string part = fmt::format("{}/{}", name, i), part_key = fmt::format("{}.{}", key, i);
      const InputScale input = dense.int8.inputs[static_cast<std::size_t>(i)];
      const auto read = through_bytes(part, part_key, x[static_cast<std::size_t>(i)], input);
      const auto weight = dequantized(part + "/weight", part_key, dense, input, {dense.outputs, each, 1, 1},
                                      columns(dense.weight.integers(), dense, i * each, each), 0);
      const auto product =
          i == 0 ? ops_.pointwise(part, {read, weight, bias(key, dense)}) : ops_.pointwise(part, {read, weight});
      sum = i == 0 ? product : builder_.node("Add", sums[i], {sum, product});
    }
    return sum;
  }

  // Over the last dimension of a tensor of four.
  std::string linear(const std::string& name, const std::string& key, const Dense& dense, const std::string& x) {
    const Shape shape = {dense.inputs, dense.outputs};
    const auto outputs = static_cast<std::size_t>(dense.outputs);
    std::string read = x, weight;
    if (dense.is_int8()) {
      const InputScale input = dense.int8.inputs[0];
      read = through_bytes(name, key, x, input);
      weight = dequantized(name + "/weight", key, dense, input, shape,
                           graph::transposed(columns(dense.weight.integers(), dense, 0, dense.inputs), outputs), 1);
    } else {
      weight = builder_.weight(key + ".weight", shape, graph::transposed(floats_of(dense), outputs));
    }
    const auto product = builder_.node("MatMul", name + "/MatMul", {read, weight});
    return builder_.node("Add", name, {bias(key, dense), product});
  }

  // The weight and bias of the normalisation are in FC1.
  std::string channel_mixing(int b, const std::string& x) {
    const FoldedBlock& block = network_.blocks[static_cast<std::size_t>(b)];
    const std::string name = fmt::format("channel_mix.{}", b), key = fmt::format("block.{}.", b);
    const auto turned = ops_.transpose(name + "/to_nhwc", x, {0, 2, 3, 1});
    const auto normalised =
        ops_.layer_norm(name + "/layer_norm", key + "layer_norm", turned, constant("ones", block.fc1.inputs, 1.0F),
                        constant("zeros", block.fc1.inputs, 0.0F), block.norm_epsilon);
    const auto hidden = ops_.gelu(name + "/gelu", linear(name + "/fc1", key + "fc1", block.fc1, normalised));
    const auto out = linear(name + "/fc2", key + "fc2", block.fc2, hidden);
    return builder_.node("Add", name, {x, ops_.transpose(name + "/to_nchw", out, {0, 3, 1, 2})});
  }

  // A vector of one number, written once for each length.
  std::string constant(const char* what, int length, float value) {
    std::string name = fmt::format("layer_norm.{}.{}", what, length);
    if (builder_.has_weight(name)) return name;
    return builder_.weight(name, {length}, std::vector<float>(static_cast<std::size_t>(length), value));
  }

  const Network& network_;
  const Config& config_;
  onnx::GraphProto& graph_;
  graph::GraphBuilder builder_;
  graph::Operators ops_;
};

}  // namespace

Result<std::uint64_t> export_onnx(const Network& network, const OnnxExportOptions& options,
                                  const std::filesystem::path& path) {
  if (network.has_int8() && options.opset < kFirstQuantizedOpset) {
    return fail(Error{.what = fmt::format("ONNX opset {} cannot say a network in int8", options.opset),
                      .remedy = fmt::format("give --opset {} or a newer one", kFirstQuantizedOpset)});
  }
  return graph::write_model(options, path,
                            [&](onnx::GraphProto& graph) { FoldedExporter(network, options.opset, graph).write(); });
}

}  // namespace smlp
