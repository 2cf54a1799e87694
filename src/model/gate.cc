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
  if (network.batch < 0 || network.batch > kMaxBatch) {
    return fail("a batch of {} pictures; 1 to {} are possible", network.batch, kMaxBatch);
  }
  return check_preprocess(network.preprocess);
}

}  // namespace smlp
