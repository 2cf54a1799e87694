#include "base/precision.h"

#include <utility>

namespace smlp {
namespace {

constexpr std::pair<Precision, std::string_view> kPrecisions[] = {
    {Precision::fp32, "fp32"}, {Precision::bf16, "bf16"}, {Precision::int8, "int8"}};
constexpr std::pair<Mode, std::string_view> kModes[] = {
    {Mode::automatic, "automatic"}, {Mode::throughput, "throughput"}, {Mode::latency, "latency"}};
constexpr std::pair<GeluPrecision, std::string_view> kGeluPrecisions[] = {
    {GeluPrecision::high_precision, "high_precision"}, {GeluPrecision::high_performance, "high_performance"}};

template <class Value, std::size_t N>
std::string_view name_in(const std::pair<Value, std::string_view> (&names)[N], Value value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "";
}

template <class Value, std::size_t N>
const Value* find_in(const std::pair<Value, std::string_view> (&names)[N], std::string_view name) {
  for (const auto& known : names) {
    if (known.second == name) return &known.first;
  }
  return nullptr;
}

}  // namespace

std::string_view precision_name(Precision precision) { return name_in(kPrecisions, precision); }
const Precision* find_precision(std::string_view name) { return find_in(kPrecisions, name); }
std::string_view mode_name(Mode mode) { return name_in(kModes, mode); }
const Mode* find_mode(std::string_view name) { return find_in(kModes, name); }
std::string_view gelu_precision_name(GeluPrecision precision) { return name_in(kGeluPrecisions, precision); }
const GeluPrecision* find_gelu_precision(std::string_view name) { return find_in(kGeluPrecisions, name); }

}  // namespace smlp
