#include "tasks/compare_precisions.h"

#include <cmath>
#include <limits>
#include <span>

#include "base/no_throw.h"
#include "data/tally.h"
#include "engine/engine.h"
#include "pipeline/prepare.h"
#include "tasks/input_source.h"

namespace smlp {
namespace {

// Sums over the pictures so far.
struct Sums {
  std::string name;
  double difference = 0, exact = 0;  // of squares
  double largest = 0;

  void add(std::span<const float> a, std::span<const float> b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double d = double{a[i]} - double{b[i]};
      difference += d * d;
      exact += double{a[i]} * double{a[i]};
      if (!(std::abs(d) <= largest)) largest = std::isnan(largest) ? largest : std::abs(d);  // once NaN, always NaN
    }
  }

  LayerDifference result() const {
    const bool none = difference == 0;  // of a layer of zeros, too
    return {name, none ? 0 : std::sqrt(difference / exact), largest};
  }
};

bool same_best(std::span<const float> a, std::span<const float> b) {
  const auto best = best_of(a);
  return best && best == best_of(b);
}

struct Activation {
  std::string name;
  std::vector<float> values;
};

class Comparer {
 public:
  Comparer(Engine& exact, Engine& tried) : exact_(exact), tried_(tried) {}

  void add(const std::vector<float>& picture) {
    const auto classes = static_cast<std::size_t>(exact_.network().config.classes);
    std::vector<Activation> activations;
    std::vector<float> a(classes), b(classes);
    exact_.run_observed(picture.data(), a.data(), [&](std::string_view name, std::span<const float> values) {
      activations.push_back({std::string(name), {values.begin(), values.end()}});
    });
    std::size_t layer = 0;
    tried_.run_observed(picture.data(), b.data(), [&](std::string_view, std::span<const float> values) {
      sums_of(layer, activations[layer].name).add(activations[layer].values, values);
      ++layer;
    });
    sums_of(layer, "logits").add(a, b);
    same_top1_ += same_best(a, b);
    ++pictures_;
  }

  PrecisionComparison result() const {
    PrecisionComparison out{.exact_isa = std::string(exact_.isa()),
                            .tried_isa = std::string(tried_.isa()),
                            .pictures = pictures_,
                            .same_top1 = same_top1_,
                            .layers = {}};
    for (const Sums& sums : sums_) out.layers.push_back(sums.result());
    return out;
  }

 private:
  Sums& sums_of(std::size_t layer, const std::string& name) {
    if (layer == sums_.size()) sums_.push_back({.name = name});
    return sums_[layer];
  }

  Engine &exact_, &tried_;
  std::vector<Sums> sums_;
  int pictures_ = 0, same_top1_ = 0;
};

class AnyRoom final : public Room {
 public:
  bool take(std::uint64_t) override { return true; }
};

Result<std::vector<float>> read_picture(const Network& network, InputSource& source, std::size_t index) {
  std::vector<float> chw(network.config.picture_floats());
  AnyRoom room;
  auto reading = source.read(index, room);
  if (!reading) return fail(std::move(reading).error().in(source.name(index)));
  auto outcome = prepare(reading->material, network.preprocess, network.config.in_channels, chw);
  if (!outcome) return fail(std::move(outcome).error().in(source.name(index)));
  return chw;
}

Result<PrecisionComparison> compare(const std::shared_ptr<const Network>& network, const ComparisonOptions& options,
                                    const std::function<void(std::int64_t, std::int64_t)>& done) {
  SMLP_TRY(exact, Engine::create(network, {.threads = 1, .batch = 1, .precision = options.exact}));
  SMLP_TRY(tried, Engine::create(network, {.threads = 1, .batch = 1, .precision = options.tried}));
  Comparer comparer(*exact, *tried);
  const InputSpec spec = {.channels = network->config.in_channels,
                          .side = network->config.image,
                          .how = network->preprocess,
                          .max_rows = 0};
  std::vector<Input> pictures = options.pictures;
  std::vector<std::string> warnings;
  SMLP_CHECK(check_prepared(pictures, spec, warnings));
  SMLP_CHECK(keep_first(pictures, options.limit));
  InputSource source(pictures, spec);
  const std::int64_t all = options.pictures.empty() ? options.made_up : static_cast<std::int64_t>(source.size());
  for (std::int64_t i = 0; i < all; ++i) {
    if (options.pictures.empty()) {
      comparer.add(made_up_picture(*network, static_cast<int>(i)));
    } else {
      SMLP_TRY(picture, read_picture(*network, source, static_cast<std::size_t>(i)));
      comparer.add(picture);
    }
    done(i + 1, all);
  }
  return comparer.result();
}

}  // namespace

double PrecisionComparison::growth(std::size_t layer) const {
  const double before = layer == 0 ? 0 : layers[layer - 1].relative_error;
  return before > 0 ? layers[layer].relative_error / before : std::numeric_limits<double>::quiet_NaN();
}

Result<PrecisionComparison> compare_precisions(const std::shared_ptr<const Network>& network,
                                               const ComparisonOptions& options,
                                               const std::function<void(std::int64_t, std::int64_t)>& done) {
  return no_throw([&] { return compare(network, options, done); });
}

}  // namespace smlp
