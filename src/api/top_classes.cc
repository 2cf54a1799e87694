#include "api/top_classes.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/finite.h"

namespace smlp {
namespace {

Result<void> check_finite(std::span<const float> logits) {
  if (all_finite(logits)) return {};
  return fail(Error{.what = "the network's output is not finite",
                    .remedy = "the picture's values or the weights are out of range; try precision fp32, another "
                              "picture or another model"});
}

// The probability of a class is exp(its logit - largest) / sum.
struct Softmax {
  explicit Softmax(std::span<const float> logits) : largest(std::ranges::max(logits)) {
    for (const float v : logits) sum += std::exp(v - largest);
  }
  float of(float logit) const { return static_cast<float>(std::exp(logit - largest) / sum); }

  double largest, sum = 0;
};

}  // namespace

Result<void> softmax(std::span<float> logits) {
  SMLP_CHECK(check_finite(logits));
  const Softmax probability(logits);
  for (float& v : logits) v = probability.of(v);
  return {};
}

Result<std::vector<Prediction>> top_classes(std::span<const float> logits, int top,
                                            std::span<const std::string> names) {
  SMLP_CHECK(check_finite(logits));
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const auto wanted = std::clamp<std::ptrdiff_t>(top, 0, std::ssize(order));
  std::ranges::partial_sort(order, order.begin() + wanted, [&](int a, int b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  });

  const Softmax probability(logits);
  std::vector<Prediction> best;
  for (const int index : std::span(order).first(static_cast<std::size_t>(wanted))) {
    const auto i = static_cast<std::size_t>(index);
    best.push_back({.index = index,
                    .label = names.empty() ? fmt::format("class {}", index) : names[i],
                    .probability = probability.of(logits[i])});
  }
  return best;
}

}  // namespace smlp
