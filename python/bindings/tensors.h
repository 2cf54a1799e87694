// A state dict in Python's memory, as the library reads one from a file.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <string>
#include <vector>

#include "model/tensor.h"

namespace smlp::python {

namespace nb = nanobind;

// Views of the arrays in a mapping of names to arrays, and of the mappings in it, with what owns them. Made and
// destroyed with the GIL held; read without it. As in files, what is no array is passed over.
class Tensors {
 public:
  // Raises InputTypeError where the memory of an array cannot be read from here.
  explicit Tensors(nb::handle mapping);
  const TensorFile& file() const { return file_; }

 private:
  void add(nb::handle mapping, const std::string& container, int depth);
  void add_array(nb::ndarray<nb::ro> array, const std::string& container, const std::string& name);

  TensorFile file_;
  std::vector<nb::ndarray<nb::ro>> arrays_;
};

}  // namespace smlp::python
