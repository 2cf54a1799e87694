// The border of a layer towards libraries and the allocator, which throw.
#pragma once

#include <exception>
#include <new>
#include <utility>

#include "base/result.h"

namespace smlp {

// work() returns a Result; what it throws becomes an error, out of memory an error like another.
template <class Work>
auto no_throw(Work&& work) -> decltype(std::forward<Work>(work)()) {
  try {
    return std::forward<Work>(work)();
  } catch (const std::bad_alloc&) {
    return fail(
        Error{.what = "not enough memory", .remedy = "free some memory, or give less at once", .transient = true});
  } catch (const std::exception& error) {
    return fail("{}", error.what());
  }
}

}  // namespace smlp
