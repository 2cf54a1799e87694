// float32 arrays of numpy's that own their memory.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace smlp::python {

namespace nb = nanobind;

// Room for an array, filled without the GIL and handed over with it.
class Numbers {
 public:
  explicit Numbers(std::vector<std::size_t> shape) : shape_(std::move(shape)) {
    for (const std::size_t side : shape_) size_ *= side;
    values_ = std::make_unique_for_overwrite<float[]>(size_);
  }

  std::span<float> all() { return {values_.get(), size_}; }
  std::span<float> row(std::size_t i) { return all().subspan(i * (size_ / shape_[0]), size_ / shape_[0]); }

  // numpy's array; without its first dimension where that is of one `single` picture.
  nb::object array(bool single) && {
    float* const data = values_.release();
    const nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<float*>(p); });
    const std::size_t dropped = single ? 1 : 0;
    return nb::cast(nb::ndarray<nb::numpy, float>(data, shape_.size() - dropped, shape_.data() + dropped, owner));
  }

 private:
  std::vector<std::size_t> shape_;
  std::size_t size_ = 1;
  std::unique_ptr<float[]> values_;
};

}  // namespace smlp::python
