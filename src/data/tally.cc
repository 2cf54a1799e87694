#include "data/tally.h"

#include <algorithm>
#include <cmath>

namespace smlp {
namespace {

constexpr int kTop = 5;

bool all_finite(std::span<const float> logits) {
  return std::ranges::all_of(logits, [](float value) { return std::isfinite(value); });
}

}  // namespace

std::optional<int> rank_of(std::span<const float> logits, int label) {
  if (!all_finite(logits)) return std::nullopt;
  const auto own = static_cast<std::size_t>(label);
  int rank = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    rank += logits[i] > logits[own] || (logits[i] == logits[own] && i < own);
  }
  return rank;
}

std::optional<int> best_of(std::span<const float> logits) {
  if (logits.empty() || !all_finite(logits)) return std::nullopt;
  return static_cast<int>(std::ranges::max_element(logits) - logits.begin());  // the first of equals
}

bool Tally::add(int label, std::span<const float> logits) {
  ClassScore& score = per_class_[static_cast<std::size_t>(label)];
  ++images_;
  ++score.images;
  const auto rank = rank_of(logits, label);
  if (!rank) {
    ++not_finite_;
    return false;
  }
  ++confusion_[{label, *best_of(logits)}];
  right1_ += *rank == 0;
  right5_ += *rank < kTop;
  score.right1 += *rank == 0;
  score.right5 += *rank < kTop;
  return true;
}

std::vector<ClassScore> Tally::per_class() const {
  std::vector<ClassScore> scores = per_class_;
  for (const auto& [pair, times] : confusion_) {
    const auto& [label, answer] = pair;
    ClassScore& score = scores[static_cast<std::size_t>(label)];
    if (answer == label || times <= score.mistakes) continue;
    score.mistakes = times;
    score.mistaken_for = answer;
  }
  return scores;
}

}  // namespace smlp
