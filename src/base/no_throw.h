// The border of a layer towards libraries and the allocator, which throw.
#pragma once

#include <exception>
#include <new>
#include <utility>

#include "base/result.h"

namespace smlp {

// The error of an allocation that failed. Where there is no memory even for these words, it has shorter ones.
inline Error out_of_memory() noexcept {
  try {
    return {.what = "not enough memory", .remedy = "free some memory, or give less at once", .transient = true};
  } catch (const std::bad_alloc&) {
    return {.what = "out of memory", .transient = true};  // short enough to be kept inside of std::string
  }
}

// Whether an error is that one. Errors that say what the memory was for are others.
inline bool is_out_of_memory(const Error& error) {
  return error.what == "not enough memory" || error.what == "out of memory";
}

// What was thrown, as an error; out of memory is an error like another.
inline Error error_of(const std::exception_ptr& thrown) noexcept {
  try {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      return out_of_memory();
    } catch (const std::exception& error) {
      return {.what = error.what()};
    } catch (...) {
      return {.what = "unknown fault"};  // short enough, too
    }
  } catch (const std::bad_alloc&) {  // no memory for the words of another error
    return out_of_memory();
  }
}

// work() returns a Result; what it throws becomes an error.
template <class Work>
auto no_throw(Work&& work) noexcept -> decltype(std::forward<Work>(work)()) {
  try {
    return std::forward<Work>(work)();
  } catch (...) {
    return fail(error_of(std::current_exception()));
  }
}

}  // namespace smlp
