// Right or wrong: the one place where logits meet a label, for every command that reports an accuracy.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace smlp {

// No model has more (model/config.cc); files that say so are damaged.
inline constexpr int kMostClasses = 1 << 20;

// Where `label` stands when the classes are sorted by logit, best first, equal logits by index: 0 is the answer.
// Nothing where a logit is not finite, since then there is no order. `label` is an index into `logits`.
std::optional<int> rank_of(std::span<const float> logits, int label);

// The answer: the class of the largest logit, the lowest index of equals. Nothing where a logit is not finite.
std::optional<int> best_of(std::span<const float> logits);

// Both: how an answer stands to its label.
struct Standing {
  int rank = 0;
  int answer = 0;

  bool operator==(const Standing&) const = default;
};
std::optional<Standing> standing_of(std::span<const float> logits, int label);

struct ClassScore {
  int images = 0, right1 = 0, right5 = 0;
  int mistaken_for = -1;  // the class most often answered instead (the lowest of equals); -1 where there was no mistake
  int mistakes = 0;       // how often that was

  bool operator==(const ClassScore&) const = default;
};

// Counts of pictures that the network answered. A picture whose logits are not all finite is counted, as wrong: the
// network was asked and failed. One that could not be read is not counted, because nothing was asked.
class Tally {
 public:
  explicit Tally(int classes) : per_class_(static_cast<std::size_t>(classes)) {}

  int classes() const { return static_cast<int>(per_class_.size()); }

  // `logits` has classes() values and 0 <= label < classes(). False where they are not finite.
  bool add(int label, std::span<const float> logits);
  // The same for a picture whose logits are known to stand so; nothing: they are not finite.
  void add(int label, const std::optional<Standing>& standing);
  // Everything that `other`, of as many classes, has counted.
  void add(const Tally& other);

  // Counts that were written elsewhere: of each class its pictures, right1 and right5, and the confusion. Nothing where
  // they cannot belong together.
  using Confusion = std::map<std::pair<int, int>, int>;
  static std::optional<Tally> restored(std::vector<ClassScore> per_class, Confusion confusion);

  bool operator==(const Tally&) const = default;

  std::int64_t images() const { return images_; }  // those that were not finite included
  std::int64_t not_finite() const { return not_finite_; }
  std::int64_t right1() const { return right1_; }
  std::int64_t right5() const { return right5_; }  // among the best 5, or among all where there are fewer classes
  double acc1() const { return share(right1_); }   // 0 where nothing was counted
  double acc5() const { return share(right5_); }

  std::vector<ClassScore> per_class() const;  // by class index
  // (label, answer) -> how often, right answers included; no entry for pictures that were not finite.
  const Confusion& confusion() const { return confusion_; }

 private:
  double share(std::int64_t right) const {
    return images_ > 0 ? static_cast<double>(right) / static_cast<double>(images_) : 0;
  }

  std::vector<ClassScore> per_class_;
  Confusion confusion_;
  std::int64_t images_ = 0, not_finite_ = 0, right1_ = 0, right5_ = 0;
};

}  // namespace smlp
