// Work that waits for a disk or a network rather than for a core.
#pragma once

#include <cstddef>
#include <functional>

#include "base/result.h"

namespace smlp {

// Calls work(i) for i = 0 .. count-1. The first calls are timed; where they are slow, the others are made by up to 64
// threads at once, each i still once. Returns the error of the lowest i that has one; once there is an error, those
// behind it may be left out. What work throws is an error.
Result<void> for_each_waiting(std::size_t count, const std::function<Result<void>(std::size_t)>& work);

}  // namespace smlp
