#include "formats/onnx_operators.h"

#include <cmath>

namespace smlp::graph {
namespace {

constexpr int kLayerNormOpset = 17;   // LayerNormalization
constexpr int kReduceAxesOpset = 18;  // ReduceMean takes its axes as an input
constexpr int kGeluOpset = 20;        // Gelu

}  // namespace

std::string Operators::conv(const std::string& name, std::initializer_list<std::string> inputs, std::int64_t kernel,
                            std::int64_t stride, std::int64_t padding, std::int64_t group) {
  return builder_.node("Conv", name, inputs,
                       {{"dilations", Axes{1, 1}},
                        {"group", group},
                        {"kernel_shape", Axes{kernel, kernel}},
                        {"pads", Axes(4, padding)},
                        {"strides", Axes{stride, stride}}});
}

std::string Operators::transpose(const std::string& name, const std::string& x, Axes perm) {
  return builder_.node("Transpose", name, {x}, {{"perm", std::move(perm)}});
}

// Numbers that the spelt-out operators need, written once for the whole graph.
std::string Operators::number(const std::string& name, float value) {
  return builder_.has_weight(name) ? name : builder_.weight(name, {}, std::span(&value, 1));
}

// x (1 + erf(x / sqrt 2)) / 2
std::string Operators::gelu(const std::string& name, const std::string& x) {
  if (opset_ >= kGeluOpset) return builder_.node("Gelu", name, {x});
  const auto scaled = builder_.node("Div", name + "/Div", {x, number("gelu.sqrt_2", std::sqrt(2.0F))});
  const auto erf = builder_.node("Erf", name + "/Erf", {scaled});
  const auto curve = builder_.node("Add", name + "/Add", {erf, number("gelu.one", 1.0F)});
  const auto product = builder_.node("Mul", name + "/Mul", {x, curve});
  return builder_.node("Mul", name, {product, number("gelu.half", 0.5F)});
}

std::string Operators::mean(const std::string& name, const std::string& x, const char* axes_name, Axes axes,
                            bool keep) {
  const std::int64_t keepdims = keep ? 1 : 0;
  if (opset_ < kReduceAxesOpset) {
    return builder_.node("ReduceMean", name, {x}, {{"axes", std::move(axes)}, {"keepdims", keepdims}});
  }
  return builder_.node("ReduceMean", name, {x, builder_.integers(axes_name, axes)}, {{"keepdims", keepdims}});
}

std::string Operators::pool(const std::string& name, const std::string& x) {
  const auto pooled = mean(name + "/mean", x, "head.axes", {2, 3}, false);
  return builder_.node("Flatten", name + "/flatten", {pooled}, {{"axis", std::int64_t{1}}});
}

std::string Operators::layer_norm(const std::string& name, const std::string& key, const std::string& x,
                                  const std::string& weight, const std::string& bias, float epsilon) {
  if (opset_ >= kLayerNormOpset) {
    return builder_.node("LayerNormalization", name, {x, weight, bias},
                         {{"axis", std::int64_t{-1}}, {"epsilon", epsilon}});
  }
  const auto least = builder_.weight(key + ".epsilon", {}, std::span(&epsilon, 1));
  const auto centre = mean(name + "/ReduceMean", x, "", {-1}, true);
  const auto centred = builder_.node("Sub", name + "/Sub", {x, centre});
  const auto square = builder_.node("Pow", name + "/Pow", {centred, number("layer_norm.two", 2.0F)});
  const auto variance = mean(name + "/ReduceMean_1", square, "", {-1}, true);
  const auto deviation =
      builder_.node("Sqrt", name + "/Sqrt", {builder_.node("Add", name + "/Add", {variance, least})});
  const auto normalised = builder_.node("Div", name + "/Div", {centred, deviation});
  return builder_.node("Add", name, {builder_.node("Mul", name + "/Mul", {normalised, weight}), bias});
}

std::string Operators::mixing(const std::string& name, const std::string& x, const std::string& weight,
                              const std::string& bias, Axes to, Axes back) {
  const auto turned = transpose(name + "/Transpose", x, std::move(to));
  return transpose(name, pointwise(name + "/Conv", {turned, weight, bias}), std::move(back));
}

std::string Operators::gemm(const std::string& name, const std::string& x, const std::string& weight,
                            const std::string& bias) {
  return builder_.node("Gemm", name, {x, weight, bias}, {{"alpha", 1.0F}, {"beta", 1.0F}, {"transB", std::int64_t{1}}});
}

}  // namespace smlp::graph
