// How often which numbers were seen, and the bytes that stand for them best.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/network.h"

namespace smlp {

// How the range of bytes is chosen. mse: the least mean squared error, what is cut off counted. minmax: from the least
// to the largest number seen. percentile: all but the outermost 0.001 % on either side.
enum class RangeMethod { mse, minmax, percentile };

inline constexpr std::string_view range_method_names[] = {"mse", "minmax", "percentile"};  // in their order

// Numbers are counted by sign, exponent and the first seven bits of their mantissa. What is counted does not depend on
// the order in which it was seen.
class Histogram {
 public:
  Histogram();

  void add(std::span<const float> values);
  void add(const Histogram& other);

  std::uint64_t count() const { return count_; }
  bool all_finite() const { return all_finite_; }
  float least() const { return least_; }
  float largest() const { return largest_; }

  // The scale and the zero point of bytes for such numbers; zero itself always is a byte. Where nothing but zeros was
  // seen, any would do, and the scale is 1.
  InputScale choose(RangeMethod method) const;

  // The mean squared error that these bytes leave, to the width of a bin.
  double error(const InputScale& scale) const;

 private:
  struct Bin {
    float low, high;  // magnitudes that it counts lie in between
    float value;      // their middle, with the sign
    std::uint64_t count;
  };
  std::vector<Bin> bins() const;  // those that hold something, in ascending order
  static double error(std::span<const Bin> bins, const InputScale& scale);
  InputScale least_error(std::span<const Bin> bins) const;

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  float least_ = 0, largest_ = 0;  // zero is always in between
  bool all_finite_ = true;
};

// Bytes for numbers from `least` <= 0 to `largest` >= 0.
InputScale scale_between(float least, float largest);

}  // namespace smlp
