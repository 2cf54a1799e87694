// A network with all products of its blocks in int8, measured on some pictures: for tests of whole networks. What the
// scales should be is tested elsewhere, with NumPy (tests/cli/int8_test.py).
#pragma once

#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "engine/engine.h"
#include "engine/measure.h"
#include "engine/quantize.h"
#include "support/isas.h"

namespace smlp::test {

inline std::shared_ptr<Network> in_int8(const Network& network, std::span<const float> pictures) {
  const int count = static_cast<int>(pictures.size() / network.config.picture_floats());
  const auto exact = std::make_shared<const Network>(network);
  auto engine = Engine::create(exact, {.threads = 1, .batch = 1, .isa = baseline_isa(), .precision = Precision::fp32});
  if (!engine) throw std::runtime_error(engine.error().message());
  Measurement measurement(1, network.config.blocks());
  std::vector<float> logits(static_cast<std::size_t>(count) * static_cast<std::size_t>(network.config.classes));
  (*engine)->run_measured(pictures.data(), count, logits.data(), measurement);
  auto quantized = std::make_shared<Network>(network);
  for (int b = 0; b < network.config.blocks(); ++b) {
    for (const BlockProduct& product : kBlockProducts) {
      Dense& part = quantized->blocks[static_cast<std::size_t>(b)].*product.part;
      part = quantize(part, input_scales(measurement, b, product, RangeMethod::minmax));
    }
  }
  quantized->precision = Precision::int8;
  return quantized;
}

}  // namespace smlp::test
