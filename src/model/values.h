// The numbers of a matrix, wherever they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "model/tensor.h"

namespace smlp {

// Where the first number stands that is NaN, infinite, or too large for bfloat16.
std::optional<std::size_t> first_unusable(std::span<const float> values);

// float32 or int8 in memory of its own, or a view of what a file holds: float32, bfloat16 or int8, in the order wanted.
// A view costs nothing until it is read, so that a network is not in memory twice while its weights are packed.
class Values {
 public:
  Values() = default;
  Values(std::vector<float> own) : own_(std::move(own)) {}

  // Integers that stand for numbers: each `run` of them has a factor of its own.
  static Values scaled(std::vector<std::int8_t> integers, std::vector<float> factors, std::size_t run);

  // A view of `tensor`, kept alive by `owner`; a copy where its elements are of another type, or strided or misaligned.
  // Errors: a type that cannot be converted to float32.
  static Result<Values> view(const Tensor& tensor, std::shared_ptr<const void> owner);

  // Of a tensor of int8, likewise.
  static Result<Values> scaled_view(const Tensor& tensor, std::shared_ptr<const void> owner, std::vector<float> factors,
                                    std::size_t run);

  std::size_t size() const;
  bool empty() const { return size() == 0; }
  float operator[](std::size_t i) const;

  // All of them; `room` holds those that have to be converted.
  std::span<const float> floats(std::vector<float>& room) const;

  // The integers behind the numbers; empty where there are none.
  std::span<const std::int8_t> integers() const { return integers_; }

  std::optional<std::size_t> first_unusable() const;

  friend bool operator==(const Values& a, const Values& b);

 private:
  std::vector<float> own_;
  std::span<const float> float32_;
  std::span<const std::uint16_t> bfloat16_;
  std::span<const std::int8_t> integers_;
  std::shared_ptr<const std::vector<float>> factors_;  // of each run of integers
  std::size_t run_ = 1;
  std::shared_ptr<const void> owner_;
};

}  // namespace smlp
