// Arrays of other libraries, and words for those that are not taken.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <filesystem>
#include <optional>
#include <string>

namespace smlp::python {

namespace nb = nanobind;

[[noreturn]] void refuse_type(std::string what, std::string remedy);  // InputTypeError
[[noreturn]] void refuse(std::string what, std::string remedy);       // InputError

// os.fsencode() of a path, or of an object that stands for one. Raises InputError where no file can have that name.
std::filesystem::path path_of_object(nb::handle x);

std::string type_word(nb::handle x);  // "float", "torch.Tensor"

// Whether `x` is of a class of a module that somebody has loaded; of another it cannot be.
bool is_loaded(nb::handle x, const char* module, const char* name);

std::string dtype_text(const nb::ndarray<nb::ro>& array);  // "float64", "bfloat16"

// True for torch's tensors that are part of a graph of gradients, and for its parameters.
bool requires_gradient(nb::handle x);

// The memory of an array: by DLPack, by the buffer protocol, or by its own __array__(). Nothing where `x` is no array,
// or one of objects. Raises where it is one whose memory nobody can read from here: on a GPU, or with gradients;
// `remedy` is for a dtype that nobody hands out.
std::optional<nb::ndarray<nb::ro>> import_array(nb::handle x, const char* remedy);

}  // namespace smlp::python
