// What a graph computes, in the network's own words: the few steps an sMLPNet is made of, free of how an exporter spelt
// them. A term's inputs come before it. Axes are logical (onnx_layout.h), so there are no transposes and no reshapes.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "formats/onnx_layout.h"
#include "model/weights.h"

namespace smlp::graph {

enum class Kind : std::uint8_t {
  input,
  patch,       // convolution, kernel = stride, over H and W: weight (out, in, k, k), bias
  depthwise,   // 3 x 3, zero padding 1: weight (C, 3, 3), bias
  contract,    // y[.., o, ..] = sum_i weight[o][i] x[.., i, ..] along `axis`, plus bias
  batch_norm,  // along `axis`
  scale,       // x * weight, along `axis`, or one number where there is no axis
  shift,       // x + bias, likewise
  gelu,
  concat,      // along `axis`
  sum,         // of two
  pool,        // mean over H and W
  normalised,  // (x - mean) / sqrt(variance + epsilon) along `axis`

  // Parts of GELU and of the normalisation while they are spelt out.
  erf,      // erf(factor * x + offset)
  mean,     // along `axis`
  centred,  // x - mean(x)
  square,
  deviation,          // sqrt(x + epsilon)
  inverse_deviation,  // 1 / sqrt(x + epsilon)
};

std::string_view kind_name(Kind kind);  // "a 3x3 depthwise convolution"

struct Term {
  Kind kind = Kind::input;
  std::vector<int> inputs = {};
  std::optional<Axis> axis = {};
  std::vector<float> weight = {}, bias = {};
  int kernel = 0;
  BatchNorm norm = {};
  double epsilon = 0, factor = 1, offset = 0;
  Extents extents = {};  // of the result
  int node = -1;         // of the graph that this was found at, for messages
};

// y = factor * term + offset, laid out as `layout` says. Constant factors wait here until it is clear what they are
// part of.
struct Activation {
  int term = 0;
  double factor = 1, offset = 0;
  Layout layout = {};
};

// Numbers as exporters round them: 1.4142135, 0.70710677, or in half precision 1.4140625.
bool about(double value, double expected);

class Terms {
 public:
  const Term& operator[](int id) const { return terms_[static_cast<std::size_t>(id)]; }
  Term& operator[](int id) { return terms_[static_cast<std::size_t>(id)]; }
  int size() const { return static_cast<int>(terms_.size()); }

  int add(Term term);
  // A term without weights; the same one again for the same kind, inputs and axis.
  int derive(Kind kind, int input, std::optional<Axis> axis, const Extents& extents, int node, double epsilon = 0);
  // The activation's value as a term: its factor and offset, if any, become terms of their own.
  int plain(const Activation& x, int node);

  // Arithmetic on two activations of the same layout (the caller has checked). Nothing where it is no step of an
  // sMLPNet.
  std::optional<Activation> add(const Activation& a, const Activation& b, int node);
  std::optional<Activation> multiply(const Activation& a, const Activation& b, int node);
  std::optional<Activation> divide(const Activation& a, const Activation& b, int node);
  // sqrt(x) and 1 / x as parts of a normalisation; erf(x) of a GELU.
  std::optional<Activation> square_root(const Activation& x, int node);
  std::optional<Activation> reciprocal(const Activation& x, int node);
  Activation erf(const Activation& x, int node);

 private:
  std::optional<Activation> centre(const Activation& x, const Activation& mean, int node);
  std::optional<Activation> gelu(const Activation& x, const Activation& curve, int node);
  std::optional<Activation> normalise(const Activation& x, const Activation& deviation, Kind kind, int node);

  std::deque<Term> terms_;  // references stay valid while terms are added
  std::map<std::tuple<Kind, int, std::optional<Axis>, double>, int> derived_;
};

}  // namespace smlp::graph
