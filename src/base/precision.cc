#include "base/precision.h"

namespace smlp {
namespace {

constexpr Precision kPrecisions[] = {Precision::fp32, Precision::bf16};
constexpr GeluPrecision kGeluPrecisions[] = {GeluPrecision::high_precision, GeluPrecision::high_performance};

}  // namespace

std::string_view precision_name(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::bf16:
      return "bf16";
  }
  return "";
}

const Precision* find_precision(std::string_view name) {
  for (const Precision& precision : kPrecisions) {
    if (precision_name(precision) == name) return &precision;
  }
  return nullptr;
}

std::string_view gelu_precision_name(GeluPrecision precision) {
  switch (precision) {
    case GeluPrecision::high_precision:
      return "high_precision";
    case GeluPrecision::high_performance:
      return "high_performance";
  }
  return "";
}

const GeluPrecision* find_gelu_precision(std::string_view name) {
  for (const GeluPrecision& precision : kGeluPrecisions) {
    if (gelu_precision_name(precision) == name) return &precision;
  }
  return nullptr;
}

}  // namespace smlp
