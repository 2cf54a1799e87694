// Weights and pictures from integers: tools/golden/generator.py makes the same, bit for bit, and says how.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/weights.h"

namespace smlp::test {

std::uint64_t fnv1a(std::string_view bytes);

// Hashes of (seed, name, 0 .. count-1): splitmix64 in counter mode.
std::vector<std::uint64_t> hashes(std::uint64_t seed, std::string_view name, std::size_t count);

// Where an activation of `size` elements is sampled.
std::vector<std::size_t> sample_positions(std::uint64_t seed, std::string_view activation, std::size_t count,
                                          std::size_t size);

// center + scale * uniform[-1, 1), rounded once to float32.
std::vector<float> uniform(std::uint64_t seed, std::string_view name, std::size_t count, double center, double scale);

// A network whose weights look trained. `signal`, a power of two, scales every activation on the residual path.
Weights make_weights(const Config& config, std::uint64_t seed, double signal = 1.0);

// Picture `index`: in_channels x image x image.
std::vector<float> make_picture(const Config& config, std::uint64_t seed, int index);

}  // namespace smlp::test
