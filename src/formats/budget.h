// How much memory a reader may take for a file: a multiple of the file's size, and enough for a small one to begin
// with.
#pragma once

#include <cstdint>
#include <limits>

#include "base/result.h"

namespace smlp {

class Budget {
 public:
  constexpr Budget(std::uint64_t base, std::uint64_t multiple, std::uint64_t file_bytes)
      : left_(file_bytes < (kAll - base) / multiple ? base + multiple * file_bytes : kAll), all_(left_) {}

  std::uint64_t left() const { return left_; }

  // False where there is not as much left.
  bool take(std::uint64_t bytes) {
    if (bytes > left_) return left_ = 0, false;
    left_ -= bytes;
    return true;
  }

  // The error for a taker that got nothing. `what` is "its names", "a pickle of values".
  std::unexpected<Error> exceeded(std::string_view what) const {
    return fail(
        Error{.what = fmt::format("{} that would take more than {} bytes of memory, far more than a file of this "
                                  "size needs",
                                  what, all_),
              .remedy = "the file is damaged or made to do harm"});
  }

 private:
  static constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t left_, all_;
};

// Values, names and tables that describe tensors. A checkpoint's take less than ten times the bytes they are made of.
inline Budget description_budget(std::uint64_t bytes) { return {std::uint64_t{16} << 20, 64, bytes}; }

// What the parts of a file inflate to, all together. Weights hardly compress; zeros do, a thousand times.
inline Budget inflate_budget(std::uint64_t file_bytes) { return {std::uint64_t{256} << 20, 32, file_bytes}; }

}  // namespace smlp
