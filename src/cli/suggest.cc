#include "cli/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace smlp::cli {
namespace {

// Optimal string alignment distance.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string nearest_word(std::string_view typed, std::span<const std::string> known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, typed.size() / 3) + 1;
  for (const std::string& word : known) {
    const std::size_t d = distance(typed.substr(0, 64), word);
    if (d < best_distance) {
      best_distance = d;
      best = word;
    }
  }
  return best;
}

std::string unknown_precision(std::string_view typed) {
  static const std::string known[] = {"fp32", "bf16", "int8"};
  std::string near = nearest_word(typed, known);
  // fp16 and float16 are far from bf16 by their letters; the bits are what is meant.
  const std::string_view bits = typed.substr(typed.find_last_not_of("0123456789") + 1);
  for (const std::string& word : known) {
    if (near.empty() && !bits.empty() && word.ends_with(bits)) near = word;
  }
  return fmt::format("unknown precision '{}'{}; known are fp32, bf16 and int8", typed,
                     near.empty() ? "" : fmt::format(" (did you mean {}?)", near));
}

}  // namespace smlp::cli
