// The stack of a thread, where much of it is going to be used.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace smlp {

// Makes sure that the calling thread can go `bytes` deeper from here. The stack of a program's first thread grows as it
// is used; where memory is limited (ulimit -v) and there is none left, that ends the program without a word. What has
// been reached once stays.
//
// Errors: a stack that is too small, with what is left of it; not enough memory.
Result<void> reserve_stack(std::size_t bytes);

}  // namespace smlp
