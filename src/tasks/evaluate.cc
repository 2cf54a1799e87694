#include "tasks/evaluate.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "api/session_pass.h"
#include "api/top_classes.h"
#include "pipeline/image_source.h"

namespace smlp {
namespace {

constexpr int kTop = 5;

using Mistakes = std::map<std::pair<int, int>, int>;  // (label, answer) -> how often

void count(const std::vector<Prediction>& answer, int label, Evaluation& sum, Mistakes& mistakes) {
  const auto at = std::ranges::find(answer, label, &Prediction::index);
  const bool right1 = at == answer.begin() && at != answer.end(), right5 = at != answer.end();
  ClassScore& score = sum.per_class[static_cast<std::size_t>(label)];
  ++sum.images;
  ++score.images;
  sum.right1 += right1;
  sum.right5 += right5;
  score.right1 += right1;
  score.right5 += right5;
  if (!right1) ++mistakes[{label, answer.front().index}];
}

void find_commonest(const Mistakes& mistakes, Evaluation& sum) {
  for (const auto& [pair, times] : mistakes) {
    ClassScore& score = sum.per_class[static_cast<std::size_t>(pair.first)];
    if (times <= score.mistakes) continue;
    score.mistakes = times;
    score.mistaken_for = pair.second;
  }
}

class Scorer final : public Sink {
 public:
  Scorer(const Model& model, const ImageFolder& data, std::span<const int> class_of_folder,
         const EvaluationWatch& watch, Evaluation& sum, Mistakes& mistakes)
      : model_(model), data_(data), class_of_folder_(class_of_folder), watch_(watch), sum_(sum), mistakes_(mistakes) {}

  Result<void> put(std::size_t index, Result<std::span<const float>> logits) override {
    const LabelledPicture& picture = data_.pictures[index];
    if (auto answer = best_of(logits)) {
      count(*answer, class_of_folder_[static_cast<std::size_t>(picture.label)], sum_, mistakes_);
    } else {
      ++sum_.skipped;
      if (watch_.skipped) watch_.skipped(std::move(answer).error().in(picture.file.string()));
    }
    if (watch_.progress) watch_.progress(static_cast<std::int64_t>(index + 1));
    return {};
  }

 private:
  Result<std::vector<Prediction>> best_of(Result<std::span<const float>>& logits) const {
    if (!logits) return fail(std::move(logits).error());
    return top_classes(*logits, kTop, model_.class_names());
  }

  const Model& model_;
  const ImageFolder& data_;
  std::span<const int> class_of_folder_;
  const EvaluationWatch& watch_;
  Evaluation& sum_;
  Mistakes& mistakes_;
};

}  // namespace

Result<Evaluation> evaluate(Session& session, const ImageFolder& data, std::span<const int> class_of_folder,
                            const EvaluationWatch& watch) {
  using Clock = std::chrono::steady_clock;
  Evaluation sum{.per_class = std::vector<ClassScore>(static_cast<std::size_t>(session.model().classes()))};
  Mistakes mistakes;
  const auto start = Clock::now();
  PathSource source(
      data.pictures.size(), [&](std::size_t i) -> const auto& { return data.pictures[i].file; });
  Scorer sink(session.model(), data, class_of_folder, watch, sum, mistakes);
  SMLP_CHECK(run_pass(session, source, sink, pass_options(session)));
  sum.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  find_commonest(mistakes, sum);
  return sum;
}

}  // namespace smlp
