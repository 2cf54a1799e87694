// The library's errors as Python exceptions.
#pragma once

#include <nanobind/nanobind.h>

#include <utility>

#include "smlp/error.h"

namespace smlp::python {

namespace nb = nanobind;

// An instance of the class `kind` of smlp/errors.py with all that `error` knows. An error that says that memory, files
// or a queue failed becomes a ResourceError (or one of its subclasses), whatever kind was asked for. Needs the GIL.
nb::object exception_of(const char* kind, const Error& error);

// The same, raised.
[[noreturn]] void raise(const char* kind, const Error& error);

// The same, with what Python raised as its cause.
[[noreturn]] void raise_from(nb::python_error& cause, const char* kind, const Error& error);

template <class T>
T value_or_raise(Result<T> result, const char* kind) {
  if (!result) raise(kind, result.error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace smlp::python
