// How much memory this process may still take.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace smlp {

// Bytes: the least of what the system has available, what the control groups leave and what `ulimit -v` leaves.
std::uint64_t available_memory();

// An error where `bytes` are more than that. `what` needs them ("a batch of 4096 pictures").
Result<void> check_memory(std::uint64_t bytes, std::string_view what, std::string remedy);

// "2.3 GB"
std::string bytes_text(std::uint64_t bytes);

// The error for a std::bad_alloc that was caught.
Error out_of_memory(std::string_view what, std::string remedy);

}  // namespace smlp
