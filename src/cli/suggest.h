// The word that somebody probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace smlp::cli {

// The known word nearest to `typed` (insertions, deletions, substitutions, swapped neighbours); empty where none is
// near enough to be worth a guess: more than a third of the letters differ.
std::string nearest_word(std::string_view typed, std::span<const std::string> known);

// "unknown precision 'bf61' (did you mean bf16?); known are fp32, bf16 and int8"
std::string unknown_precision(std::string_view typed);

}  // namespace smlp::cli
