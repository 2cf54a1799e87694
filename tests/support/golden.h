// Golden outputs that PyTorch computed: tests/engine/golden/network.json, written by tools/golden/make_golden.py.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/config.h"

namespace smlp::test {

struct GoldenActivation {
  std::string name;  // as an engine's observer is told it; "logits" of all pictures, one after the other
  std::size_t elements = 0;
  double mean = 0, rms = 0, max = 0;  // of all elements; max of magnitudes
  double bound = 0;                   // on the error of one element in float32 arithmetic (rounding.py)
  double reference_bound = 0;         // the same where sums are accumulated in double
  std::vector<double> samples;        // at sample_positions(); the logits are whole
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
