// Golden outputs that PyTorch computed: tests/engine/golden/network.json, written by tools/golden/make_golden.py.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/config.h"

namespace smlp::test {

// An activation, or what is kept of it.
struct GoldenValues {
  double mean = 0, rms = 0, max = 0;  // of all elements; max of magnitudes
  std::vector<double> samples;        // at sample_positions(); the logits are whole
};

// Bounds are on the error of one element (tools/golden/rounding.py).
struct GoldenActivation {
  std::string name;  // as an engine's observer is told it; "logits" of all pictures, one after the other
  std::size_t elements = 0;
  GoldenValues exact;
  double bound = 0;            // in float32 arithmetic
  double reference_bound = 0;  // the same where sums are accumulated in double

  // The network with bfloat16's roundings in all the right places.
  struct Bf16 {
    GoldenValues values;
    double bound = 0;   // of a bfloat16 engine, from `exact`
    double spread = 0;  // of a bfloat16 engine, from `values`
  };
  std::optional<Bf16> bf16;  // none for the biggest networks
};

struct GoldenNetwork {
  std::string name;
  Config config;
  std::uint64_t seed = 0;
  int pictures = 0;
  double signal = 1;
  std::uint64_t weight_bits = 0, picture_bits = 0;  // sums of float32 bit patterns
  std::vector<GoldenActivation> activations;

  const GoldenActivation& activation(std::string_view wanted) const;
  const GoldenActivation& logits() const { return activation("logits"); }
};

struct Golden {
  std::string torch;
  std::map<std::string, std::uint64_t> sources;  // path in the repository -> FNV-1a of the script that made this
  std::vector<GoldenNetwork> networks;
};

// Read once; a file that is absent or malformed ends the test program, saying so.
const Golden& golden();
const GoldenNetwork& golden(std::string_view network);

}  // namespace smlp::test
