#include "formats/onnx_terms.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace smlp::graph {

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::input:
      return "the network's input";
    case Kind::patch:
      return "a convolution whose kernel is its stride";
    case Kind::depthwise:
      return "a 3x3 depthwise convolution";
    case Kind::contract:
      return "a matrix product along one axis";
    case Kind::batch_norm:
      return "a batch normalisation";
    case Kind::scale:
      return "a multiplication by a constant";
    case Kind::shift:
      return "an addition of a constant";
    case Kind::gelu:
      return "a GELU";
    case Kind::concat:
      return "a concatenation";
    case Kind::sum:
      return "a sum";
    case Kind::pool:
      return "a mean over the picture";
    case Kind::normalised:
      return "a normalisation";
    case Kind::erf:
      return "an erf";
    case Kind::mean:
      return "a mean";
    case Kind::centred:
      return "a difference from the mean";
    case Kind::square:
      return "a square";
    case Kind::deviation:
      return "a square root";
    case Kind::inverse_deviation:
      return "an inverse square root";
  }
  return "an unknown step";
}

// The root of 2 is off by 1.1e-4 of itself in half precision and in bfloat16.
bool about(double value, double expected) { return std::abs(value - expected) <= 1.5e-4 * std::abs(expected); }

int Terms::add(Term term) {
  terms_.push_back(std::move(term));
  return size() - 1;
}

int Terms::derive(Kind kind, int input, std::optional<Axis> axis, const Extents& extents, int node, double epsilon) {
  const auto [at, is_new] = derived_.try_emplace({kind, input, axis, epsilon}, size());
  if (is_new) {
    add({.kind = kind, .inputs = {input}, .axis = axis, .epsilon = epsilon, .extents = extents, .node = node});
  }
  return at->second;
}

int Terms::plain(const Activation& x, int node) {
  int term = x.term;
  const Extents extents = (*this)[term].extents;
  if (x.factor != 1) {
    term = add({.kind = Kind::scale,
                .inputs = {term},
                .weight = {static_cast<float>(x.factor)},
                .extents = extents,
                .node = node});
  }
  if (x.offset != 0) {
    term = add({.kind = Kind::shift,
                .inputs = {term},
                .bias = {static_cast<float>(x.offset)},
                .extents = extents,
                .node = node});
  }
  return term;
}

std::optional<Activation> Terms::add(const Activation& a, const Activation& b, int node) {
  if (auto centred = centre(a, b, node)) return centred;
  if (auto centred = centre(b, a, node)) return centred;
  const Extents extents = (*this)[a.term].extents;
  if (extents != (*this)[b.term].extents) return std::nullopt;
  const int first = plain(a, node), second = plain(b, node);
  const int term = add({.kind = Kind::sum, .inputs = {first, second}, .extents = extents, .node = node});
  return Activation{.term = term, .layout = a.layout};
}

// x - mean(x)
std::optional<Activation> Terms::centre(const Activation& x, const Activation& mean, int node) {
  const Term& average = (*this)[mean.term];
  if (average.kind != Kind::mean || average.inputs[0] != x.term || mean.factor != -x.factor) return std::nullopt;
  const int term = derive(Kind::centred, x.term, average.axis, (*this)[x.term].extents, node);
  return Activation{.term = term, .factor = x.factor, .offset = x.offset + mean.offset, .layout = x.layout};
}

std::optional<Activation> Terms::multiply(const Activation& a, const Activation& b, int node) {
  if (auto curve = gelu(a, b, node)) return curve;
  if (auto curve = gelu(b, a, node)) return curve;
  if (auto result = normalise(a, b, Kind::inverse_deviation, node)) return result;
  if (auto result = normalise(b, a, Kind::inverse_deviation, node)) return result;
  if (a.term != b.term || a.factor != b.factor || a.offset != b.offset || a.offset != 0) return std::nullopt;
  const int term = derive(Kind::square, a.term, std::nullopt, (*this)[a.term].extents, node);
  return Activation{.term = term, .factor = a.factor * a.factor, .layout = a.layout};
}

// gelu(y) = y (1 + erf(y / sqrt 2)) / 2, its factors in any order: x is c y, the curve is a (1 + erf(y / sqrt 2)).
std::optional<Activation> Terms::gelu(const Activation& x, const Activation& curve, int node) {
  const Term& erf = (*this)[curve.term];
  if (erf.kind != Kind::erf || erf.inputs[0] != x.term || !about(curve.offset, curve.factor)) return std::nullopt;
  double factor = erf.factor * std::numbers::sqrt2, offset = erf.offset * std::numbers::sqrt2;
  if (about(factor, 1)) factor = 1;
  const double c = x.factor / factor;
  if (c == 0 || !(std::abs(x.offset - c * offset) <= 1e-3 * std::abs(x.offset))) return std::nullopt;
  const int y = plain({.term = x.term, .factor = factor, .offset = offset}, node);
  const int term = derive(Kind::gelu, y, std::nullopt, (*this)[y].extents, node);
  double left = 2 * curve.factor * c;
  if (about(left, 1)) left = 1;
  return Activation{.term = term, .factor = left, .layout = x.layout};
}

std::optional<Activation> Terms::divide(const Activation& a, const Activation& b, int node) {
  return normalise(a, b, Kind::deviation, node);
}

// (x - mean) by its own standard deviation, or times its inverse.
std::optional<Activation> Terms::normalise(const Activation& x, const Activation& by, Kind kind, int node) {
  const Term& deviation = (*this)[by.term];
  if (deviation.kind != kind || by.factor != 1 || by.offset != 0 || x.offset != 0) return std::nullopt;
  const Term& variance = (*this)[deviation.inputs[0]];
  if (variance.kind != Kind::mean) return std::nullopt;
  const Term& square = (*this)[variance.inputs[0]];
  const Term& centred = (*this)[x.term];
  if (square.kind != Kind::square || square.inputs[0] != x.term) return std::nullopt;
  if (centred.kind != Kind::centred || centred.axis != variance.axis) return std::nullopt;
  const double epsilon = deviation.epsilon;
  const int input = centred.inputs[0];
  const std::optional<Axis> axis = centred.axis;
  const Extents extents = centred.extents;
  const int term = derive(Kind::normalised, input, axis, extents, node, epsilon);
  return Activation{.term = term, .factor = x.factor, .layout = x.layout};
}

std::optional<Activation> Terms::square_root(const Activation& x, int node) {
  if ((*this)[x.term].kind != Kind::mean || x.factor != 1 || !std::isfinite(x.offset)) return std::nullopt;
  const int term = derive(Kind::deviation, x.term, std::nullopt, (*this)[x.term].extents, node, x.offset);
  return Activation{.term = term, .layout = x.layout};
}

std::optional<Activation> Terms::reciprocal(const Activation& x, int node) {
  const Term& deviation = (*this)[x.term];
  if (deviation.kind != Kind::deviation || x.factor != 1 || x.offset != 0) return std::nullopt;
  const double epsilon = deviation.epsilon;
  const Extents extents = deviation.extents;
  const int term = derive(Kind::inverse_deviation, deviation.inputs[0], std::nullopt, extents, node, epsilon);
  return Activation{.term = term, .layout = x.layout};
}

Activation Terms::erf(const Activation& x, int node) {
  const Extents extents = (*this)[x.term].extents;
  const int term = add({.kind = Kind::erf,
                        .inputs = {x.term},
                        .factor = x.factor,
                        .offset = x.offset,
                        .extents = extents,
                        .node = node});
  return Activation{.term = term, .layout = x.layout};
}

}  // namespace smlp::graph
