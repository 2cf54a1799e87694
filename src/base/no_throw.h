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

// work() returns a Result; what it throws becomes an error, out of memory an error like another.
template <class Work>
auto no_throw(Work&& work) -> decltype(std::forward<Work>(work)()) {
  try {
    try {
      return std::forward<Work>(work)();
    } catch (const std::bad_alloc&) {
      return fail(out_of_memory());
    } catch (const std::exception& error) {
      return fail("{}", error.what());
    }
  } catch (const std::bad_alloc&) {  // no memory for the words of another error
    return fail(out_of_memory());
  }
}

}  // namespace smlp
