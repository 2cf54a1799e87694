// Helpers for code that returns Result<T>.
#pragma once

#include <fmt/format.h>

#include <utility>

#include "smlp/error.h"

namespace smlp {

// return fail("{} bytes, expected {}", got, want);
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{.what = fmt::format(format, std::forward<Args>(args)...)});
}

[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace smlp

// SMLP_TRY(file, FileMap::open(path)); declares `file`, a reference to the value, or returns the error.
#define SMLP_TRY(name, ...)                                                         \
  auto name##_or_error = (__VA_ARGS__);                                             \
  if (!name##_or_error) return std::unexpected(std::move(name##_or_error).error()); \
  auto& name = *name##_or_error

// SMLP_CHECK(f()); for a Result<void>: returns the error, if any.
#define SMLP_CHECK(...)                                                                                      \
  do {                                                                                                       \
    if (auto smlp_check = (__VA_ARGS__); !smlp_check) return std::unexpected(std::move(smlp_check).error()); \
  } while (false)
