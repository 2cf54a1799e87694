#include "model/gate.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "model/parts.h"

namespace smlp {
namespace {

constexpr const char* kDamaged = "the training diverged or the file is damaged; take another one";

Error with_remedy(Error error) { return std::move(error).fix(kDamaged); }

class Checker {
 public:
  Result<void> vector(const std::string& name, int size, const std::vector<float>& values) {
    if (std::cmp_not_equal(values.size(), size)) {
      return fail(Error{.what = fmt::format("{} values, expected {}", values.size(), size), .tensor = name});
    }
    auto fine = check_values(values);
    if (!fine) return fail(with_remedy(std::move(fine).error().of_tensor(name)));
    return {};
  }

  Result<void> dense(const std::string& name, int outputs, int inputs, const Dense& part, Bias bias, Size) {
    const auto wanted = static_cast<std::size_t>(outputs) * static_cast<std::size_t>(inputs);
    if (part.outputs != outputs || part.inputs != inputs || part.weight.size() != wanted) {
      return fail(Error{.what = fmt::format("{} values for shape ({}, {}), expected shape ({}, {})", part.weight.size(),
                                            part.outputs, part.inputs, outputs, inputs),
                        .tensor = name + ".weight"});
    }
    if (const auto bad = part.weight.first_unusable()) {
      return fail(
          with_remedy({.what = fmt::format("element {} is {}", *bad, part.weight[*bad]), .tensor = name + ".weight"}));
    }
    if (bias == Bias::yes || !part.bias.empty()) return vector(name + ".bias", outputs, part.bias);
    return {};
  }

  Result<void> product(const std::string& name, int outputs, int segments, int inputs, const Dense& part, Bias bias) {
    if (part.is_int8()) {
      SMLP_CHECK(check_int8(name, outputs, segments, segments * inputs, part));
      bias = Bias::yes;
    }
    return dense(name, outputs, segments * inputs, part, bias, Size::large);
  }

 private:
  static Result<void> check_int8(const std::string& name, int outputs, int segments, int inputs, const Dense& part) {
    if (inputs > kMaxInt8Inputs) {
      return fail(
          Error{.what = fmt::format("{} inputs; a sum of at most {} fits in int8's int32", inputs, kMaxInt8Inputs),
                .tensor = name + ".weight"});
    }
    const Int8Scales& int8 = part.int8;
    std::vector<float> scales;
    scales.reserve(int8.inputs.size());
    for (const InputScale& input : int8.inputs) scales.push_back(input.scale);
    SMLP_CHECK(check_scales(name + ".input_scale", segments, scales));
    SMLP_CHECK(check_scales(name + ".output_scale", outputs, int8.outputs));
    for (std::size_t s = 0; s < int8.inputs.size(); ++s) {
      if (const int zero = int8.inputs[s].zero; zero < 0 || zero > 255) {
        return fail(with_remedy(
            {.what = fmt::format("element {} is {}, outside 0 to 255", s, zero), .tensor = name + ".input_zero"}));
      }
    }
    const auto integers = part.weight.integers();
    if (const auto least = std::ranges::find(integers, std::int8_t{-128}); least != integers.end()) {
      return fail(with_remedy(
          {.what = fmt::format("element {} is -128; int8 weights are -127 to 127", least - integers.begin()),
           .tensor = name + ".weight"}));
    }
    return {};
  }

  // Positive, and small and large enough for 1 / scale and for a sum of integers times the scale.
  static Result<void> check_scales(const std::string& name, int count, const std::vector<float>& scales) {
    if (std::cmp_not_equal(scales.size(), count)) {
      return fail(Error{.what = fmt::format("{} values, expected {}", scales.size(), count), .tensor = name});
    }
    for (std::size_t i = 0; i < scales.size(); ++i) {
      if (scales[i] >= kLeastScale && scales[i] <= kLargestScale) continue;
      return fail(with_remedy({.what = fmt::format("element {} is {}; a scale is positive, from {} to {}", i, scales[i],
                                                   kLeastScale, kLargestScale),
                               .tensor = name}));
    }
    return {};
  }

  static constexpr float kLeastScale = 1e-30F, kLargestScale = 1e20F;
};

Result<void> check_preprocess(const Preprocess& how) {
  if (how.resize < 1 || how.crop < 1) return fail("pictures resized to {} and cropped to {}", how.resize, how.crop);
  for (std::size_t c = 0; c < how.mean.size(); ++c) {
    // The darkest and the brightest pixel.
    const float low = (0.0F - how.mean[c]) / how.std[c], high = (1.0F - how.mean[c]) / how.std[c];
    if (!(how.std[c] > 0) || !check_values(std::array{low, high})) {
      return fail("a normalisation by mean {} and standard deviation {} gives no usable numbers", how.mean[c],
                  how.std[c]);
    }
  }
  return {};
}

}  // namespace

bool is_floating_point(DType type) {
  return type == DType::f64 || type == DType::f32 || type == DType::f16 || type == DType::bf16;
}

Result<void> check_values(std::span<const float> values) {
  if (const auto bad = first_unusable(values)) return fail("element {} is {} in float32", *bad, values[*bad]);
  return {};
}

Result<void> check_variances(std::span<const float> values) {
  SMLP_CHECK(check_values(values));
  const auto negative = std::ranges::find_if(values, [](float value) { return value < 0; });
  if (negative == values.end()) return {};
  return fail(with_remedy(
      {.what = fmt::format("element {} is {}; a variance cannot be negative", negative - values.begin(), *negative)}));
}

Result<void> check_weights(const Tensor& tensor) {
  if (!is_floating_point(tensor.dtype)) {
    return fail(
        Error{.what = fmt::format("type {}, expected a floating-point type (F32, F16, BF16 or F64)", tensor.dtype_text),
              .tensor = tensor.name});
  }
  SMLP_TRY(values, Values::view(tensor, nullptr));
  if (const auto bad = values.first_unusable()) {
    return fail(
        with_remedy({.what = fmt::format("element {} is {} in float32", *bad, values[*bad]), .tensor = tensor.name}));
  }
  return {};
}

Result<void> check_shape(const Tensor& tensor, std::span<const std::int64_t> shape) {
  if (std::ranges::equal(tensor.shape, shape)) return {};
  return fail(Error{.what = fmt::format("shape {}, expected {}", tensor.shape_text(), shape_text(shape)),
                    .tensor = tensor.name});
}

Result<void> check_network(const Network& network) {
  const Config& config = network.config;
  SMLP_CHECK(config.validate());
  if (std::cmp_not_equal(network.stems.size(), config.stages()) ||
      std::cmp_not_equal(network.blocks.size(), config.blocks())) {
    return fail("{} stages and {} blocks, expected {} and {}", network.stems.size(), network.blocks.size(),
                config.stages(), config.blocks());
  }
  Checker checker;
  SMLP_CHECK(visit_parts(network, checker));
  for (std::size_t b = 0; b < network.blocks.size(); ++b) {
    const float epsilon = network.blocks[b].norm_epsilon;
    if (!(epsilon > 0 && epsilon <= 1)) {
      return fail(
          with_remedy({.what = fmt::format("element {} is {}, outside 0 to 1", b, epsilon), .tensor = "norm_epsilon"}));
    }
  }
  if (!network.class_names.empty() && std::cmp_not_equal(network.class_names.size(), config.classes)) {
    return fail("{} class names for {} classes", network.class_names.size(), config.classes);
  }
  if (network.precision == Precision::int8 && !network.has_int8()) {
    return fail(Error{.what = "is said to be in int8, and none of its products is", .remedy = "compile it again"});
  }
  if (network.batch < 0 || network.batch > kMaxBatch) {
    return fail("a batch of {} pictures; 1 to {} are possible", network.batch, kMaxBatch);
  }
  return check_preprocess(network.preprocess);
}

}  // namespace smlp
