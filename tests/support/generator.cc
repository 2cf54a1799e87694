#include "support/generator.h"

#include <fmt/format.h>

#include <cmath>
#include <string>

namespace smlp::test {
namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;

std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

enum class Sign { kept, one_in_eight_flipped };

// The values in double, exact.
std::vector<double> exact(std::uint64_t seed, std::string_view name, std::size_t count, double center, double scale,
                          Sign sign = Sign::kept) {
  std::vector<double> values;
  values.reserve(count);
  for (const std::uint64_t h : hashes(seed, name, count)) {
    const double x = (static_cast<double>(h >> 40) - 8388608.0) / 8388608.0;
    const double value = center + scale * x;
    values.push_back(sign == Sign::one_in_eight_flipped && (h & 7) == 0 ? -value : value);
  }
  return values;
}

std::vector<float> round(const std::vector<double>& values, double factor = 1.0) {
  std::vector<float> rounded;
  rounded.reserve(values.size());
  for (const double value : values) rounded.push_back(static_cast<float>(value * factor));
  return rounded;
}

// The scale that gives variance gain^2 / inputs, cut to a multiple of 2^-16.
double fan_in(std::size_t inputs, double gain = 1.0) {
  return std::floor(gain * std::sqrt(3.0 / static_cast<double>(inputs)) * 65536.0) / 65536.0;
}

class WeightMaker {
 public:
  WeightMaker(const Config& config, std::uint64_t seed, double signal)
      : config_(config), seed_(seed), signal_(signal) {}

  Weights make() const {
    Weights weights;
    weights.config = config_;
    for (int s = 0; s < config_.stages(); ++s) {
      const std::size_t k = size(config_.stem_kernel(s)), inputs = size(config_.stem_inputs(s)) * k * k;
      const std::string key = fmt::format("to_patch_embedding.{}.0.weight", s);
      weights.stems.push_back(matrix(key, size(config_.channels(s)), inputs, 1.0, s == 0 ? signal_ : 1.0));
      for (int i = 0; i < config_.depths[s]; ++i) weights.blocks.push_back(block(weights.blocks.size(), s));
    }
    const std::size_t features = size(config_.features());
    weights.head_norm = batch_norm("batch_norm", features);
    weights.head = {matrix("mlp_head.0.weight", size(config_.classes), features, 1.0, 1.0),
                    bias("mlp_head.0.bias", size(config_.classes), 1.0)};
    return weights;
  }

 private:
  static std::size_t size(int n) { return static_cast<std::size_t>(n); }

  std::vector<float> matrix(const std::string& key, std::size_t outputs, std::size_t inputs, double gain,
                            double factor) const {
    return round(exact(seed_, key, outputs * inputs, 0.0, fan_in(inputs, gain)), factor);
  }

  std::vector<float> bias(const std::string& key, std::size_t count, double factor) const {
    return round(exact(seed_, key, count, 0.0625, 0.25), factor);
  }

  std::vector<float> norm_weight(const std::string& key, std::size_t count) const {
    return round(exact(seed_, key, count, 1.0, 0.5, Sign::one_in_eight_flipped));
  }

  std::vector<float> norm_bias(const std::string& key, std::size_t count) const {
    return round(exact(seed_, key, count, 0.125, 0.3125));
  }

  BatchNorm batch_norm(const std::string& key, std::size_t count) const {
    return {.weight = norm_weight(key + ".weight", count),
            .bias = norm_bias(key + ".bias", count),
            .mean = round(exact(seed_, key + ".running_mean", count, 0.0, 0.5), signal_),
            .variance = round(exact(seed_, key + ".running_var", count, 1.40625, 1.09375), signal_ * signal_)};
  }

  // Noise plus an off-diagonal, so that no transposition and no swap goes unseen.
  Linear mixing(const std::string& key, std::size_t h, std::size_t offset) const {
    std::vector<double> values = exact(seed_, key + ".weight", h * h, 0.0, fan_in(h, 0.5));
    for (std::size_t row = 0; row < h; ++row) values[row * h + (row + offset) % h] += 0.75;
    return {round(values), bias(key + ".bias", h, 1.0)};
  }

  BlockWeights block(std::size_t b, int stage) const {
    const std::size_t c = size(config_.channels(stage)), h = size(config_.grid(stage));
    const std::size_t hidden = size(config_.hidden(stage));
    const std::string local = fmt::format("token_mix.{}.0.conv_merge.", b), mix = fmt::format("token_mix.{}.1.", b);
    const std::string channel = fmt::format("channel_mix.{}.", b);
    return {
        .bn1 = batch_norm(local + "BN", c),
        .depthwise = matrix(local + "Conv.weight", c, 9, 2.0, signal_),
        .bn2 = batch_norm(mix + "BN", c),
        .mix_width = mixing(mix + "proj_h", h, 1),
        .mix_height = mixing(mix + "proh_w", h, 2),
        .fuse = matrix(mix + "fuse.weight", c, 3 * c, 0.25, signal_),
        .norm = {.weight = norm_weight(channel + "1.weight", c), .bias = norm_bias(channel + "1.bias", c)},
        .fc1 = {matrix(channel + "2.net.0.weight", hidden, c, 1.0, 1.0), bias(channel + "2.net.0.bias", hidden, 1.0)},
        .fc2 = {matrix(channel + "2.net.3.weight", c, hidden, 0.5, signal_),
                bias(channel + "2.net.3.bias", c, signal_)}};
  }

  Config config_;
  std::uint64_t seed_;
  double signal_;
};

}  // namespace

std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t h = 0xCBF29CE484222325;
  for (const char byte : bytes) h = (h ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  return h;
}

std::vector<std::uint64_t> hashes(std::uint64_t seed, std::string_view name, std::size_t count) {
  const std::uint64_t key = mix(fnv1a(name) + seed * kGolden);
  std::vector<std::uint64_t> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = mix(key + (i + 1) * kGolden);
  return values;
}

std::vector<std::size_t> sample_positions(std::uint64_t seed, std::string_view activation, std::size_t count,
                                          std::size_t size) {
  std::vector<std::size_t> positions;
  for (const std::uint64_t h : hashes(seed, fmt::format("positions of {}", activation), count)) {
    positions.push_back(h % size);
  }
  return positions;
}

std::vector<float> uniform(std::uint64_t seed, std::string_view name, std::size_t count, double center, double scale) {
  return round(exact(seed, name, count, center, scale));
}

Weights make_weights(const Config& config, std::uint64_t seed, double signal) {
  return WeightMaker(config, seed, signal).make();
}

std::vector<float> make_picture(const Config& config, std::uint64_t seed, int index) {
  const auto side = static_cast<std::size_t>(config.image);
  const std::size_t count = static_cast<std::size_t>(config.in_channels) * side * side;
  return uniform(seed, fmt::format("picture.{}", index), count, 0.0625, 1.75);
}

}  // namespace smlp::test
