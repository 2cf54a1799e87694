// What Python gives as pictures, as the library takes them: without copies where the layout allows.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "smlp/batcher.h"
#include "smlp/model.h"

namespace smlp::python {

namespace nb = nanobind;

// One picture or many, with the Python objects that own their memory. Made and destroyed with the GIL held; the
// pictures may be read without it.
class Pictures {
 public:
  // `x`: a path, encoded bytes, a PIL image, an array (uint8 HWC or NHWC pixels; float32 CHW or NCHW, prepared for
  // `model`), or an iterable of single ones, which is gone through to its end. Raises InputTypeError or InputError
  // where `x` is none of these; what an iterator raises goes through.
  Pictures(const Model& model, nb::handle x);

  // None yet; add() takes one more and raises where `x` is not one picture.
  explicit Pictures(const Model& model) : model_(model), single_(false) {}
  void add(nb::handle x);

  bool is_single() const { return single_; }  // the answer is one, not a list with one
  std::span<const BatcherInput> items() const { return items_; }

  // All of them, where they are prepared and lie in memory one after another.
  std::optional<std::span<const float>> tensor() const;

  // Whether picture `index`, if it is prepared, holds finite values only. Needs no GIL.
  Result<void> check_values(std::size_t index) const;

 private:
  enum class Taken { nothing, one, several };
  using Array = nb::ndarray<nb::ro>;

  Taken take(nb::handle x);
  void take_iterable(nb::handle x);
  void take_bytes(nb::handle x);
  void take_pil(nb::handle image);
  void take_rgb(const nb::object& rgb);
  Taken take_array(Array array);
  Taken take_pixels(const Array& array);
  Taken take_floats(const Array& array);
  void add_pixels(const Array& array, const std::byte* data, std::size_t first);
  std::byte* allocate(std::size_t bytes);

  const Model& model_;
  bool single_ = true;
  std::vector<BatcherInput> items_;
  std::vector<nb::object> owners_;
  std::vector<Array> arrays_;
  std::vector<std::unique_ptr<std::byte[]>> copies_;
};

}  // namespace smlp::python
