#include <algorithm>
#include <cmath>
#include <random>

#include "tasks/compare_precisions.h"

namespace smlp {
namespace {

// Random values on a coarse grid, linear between them.
class Waves {
 public:
  Waves(std::mt19937& random, int side, int spacing) : spacing_(spacing), columns_(side / spacing + 2) {
    values_.resize(static_cast<std::size_t>(columns_) * static_cast<std::size_t>(columns_));
    // No std:: distribution: each library has its own.
    for (float& value : values_) value = static_cast<float>(random() >> 8) * 0x1p-23F - 1;
  }

  float at(int row, int column) const {
    const float y = static_cast<float>(row % spacing_) / static_cast<float>(spacing_);
    const float x = static_cast<float>(column % spacing_) / static_cast<float>(spacing_);
    const float* corner = values_.data() + row / spacing_ * columns_ + column / spacing_;
    return std::lerp(std::lerp(corner[0], corner[1], x), std::lerp(corner[columns_], corner[columns_ + 1], x), y);
  }

 private:
  int spacing_, columns_;
  std::vector<float> values_;
};

// Adds waves of every length, the long ones strongest: the spectrum of photographs.
void add_waves(std::mt19937& random, int side, float strength, std::vector<float>& plane) {
  for (int spacing = 1; spacing <= side; spacing *= 2) {
    const Waves waves(random, side, spacing);
    const float amplitude = strength * std::sqrt(static_cast<float>(spacing) / static_cast<float>(side));
    for (int i = 0; i < side * side; ++i)
      plane[static_cast<std::size_t>(i)] += amplitude * waves.at(i / side, i % side);
  }
}

}  // namespace

std::vector<float> made_up_picture(const Network& network, int index) {
  const int side = network.config.image;
  std::mt19937 random(2109 + static_cast<unsigned>(index));
  std::vector<float> grey(static_cast<std::size_t>(side) * static_cast<std::size_t>(side), 0.5F), out;
  add_waves(random, side, 0.3F, grey);
  for (int c = 0; c < network.config.in_channels; ++c) {
    std::vector<float> plane = grey;
    add_waves(random, side, 0.1F, plane);
    const auto rgb = static_cast<std::size_t>(c % 3);
    for (const float value : plane) {
      const float pixel = std::round(255 * std::clamp(value, 0.0F, 1.0F));
      out.push_back((pixel / 255 - network.preprocess.mean[rgb]) / network.preprocess.std[rgb]);
    }
  }
  return out;
}

}  // namespace smlp
