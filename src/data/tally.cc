#include "data/tally.h"

#include <algorithm>

#include "base/finite.h"

namespace smlp {
namespace {

constexpr int kTop = 5;

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

std::optional<Standing> standing_of(std::span<const float> logits, int label) {
  const auto rank = rank_of(logits, label);
  if (!rank) return std::nullopt;
  return Standing{.rank = *rank, .answer = *best_of(logits)};
}

bool Tally::add(int label, std::span<const float> logits) {
  const auto standing = standing_of(logits, label);
  add(label, standing);
  return standing.has_value();
}

void Tally::add(int label, const std::optional<Standing>& standing) {
  ClassScore& score = per_class_[static_cast<std::size_t>(label)];
  ++images_;
  ++score.images;
  if (!standing) {
    ++not_finite_;
    return;
  }
  ++confusion_[{label, standing->answer}];
  right1_ += standing->rank == 0;
  right5_ += standing->rank < kTop;
  score.right1 += standing->rank == 0;
  score.right5 += standing->rank < kTop;
}

void Tally::add(const Tally& other) {
  for (std::size_t i = 0; i < per_class_.size(); ++i) {
    per_class_[i].images += other.per_class_[i].images;
    per_class_[i].right1 += other.per_class_[i].right1;
    per_class_[i].right5 += other.per_class_[i].right5;
  }
  for (const auto& [pair, times] : other.confusion_) confusion_[pair] += times;
  images_ += other.images_;
  not_finite_ += other.not_finite_;
  right1_ += other.right1_;
  right5_ += other.right5_;
}

std::optional<Tally> Tally::restored(std::vector<ClassScore> per_class, Confusion confusion) {
  Tally tally(static_cast<int>(per_class.size()));
  std::vector<std::int64_t> answered(per_class.size());
  const auto is_class = [&](int c) { return c >= 0 && c < tally.classes(); };
  for (const auto& [pair, times] : confusion) {
    if (!is_class(pair.first) || !is_class(pair.second) || times < 1) return std::nullopt;
    answered[static_cast<std::size_t>(pair.first)] += times;
  }
  for (int c = 0; c < tally.classes(); ++c) {
    const ClassScore& score = per_class[static_cast<std::size_t>(c)];
    const std::int64_t all = answered[static_cast<std::size_t>(c)];
    const auto diagonal = confusion.find({c, c});
    if (score.right1 != (diagonal == confusion.end() ? 0 : diagonal->second)) return std::nullopt;
    if (score.right1 > score.right5 || score.right5 > all || all > score.images) return std::nullopt;
    tally.per_class_[static_cast<std::size_t>(c)] = {
        .images = score.images, .right1 = score.right1, .right5 = score.right5};
    tally.images_ += score.images;
    tally.not_finite_ += score.images - all;
    tally.right1_ += score.right1;
    tally.right5_ += score.right5;
  }
  tally.confusion_ = std::move(confusion);
  return tally;
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
