#include "tasks/evaluate.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

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

}  // namespace

Evaluation evaluate(Session& session, const ImageFolder& data, std::span<const int> class_of_folder,
                    const EvaluationWatch& watch) {
  using Clock = std::chrono::steady_clock;
  Evaluation sum{.per_class = std::vector<ClassScore>(static_cast<std::size_t>(session.model().classes()))};
  Mistakes mistakes;
  const auto start = Clock::now();
  const auto step = static_cast<std::size_t>(session.pictures_at_once());
  std::vector<std::filesystem::path> files;
  for (std::size_t first = 0; first < data.pictures.size(); first += step) {
    const auto some = std::span(data.pictures).subspan(first, std::min(step, data.pictures.size() - first));
    files.clear();
    for (const LabelledPicture& picture : some) files.push_back(picture.file);
    const auto answers = session.classify(files, kTop);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (answers[i]) {
        count(*answers[i], class_of_folder[static_cast<std::size_t>(some[i].label)], sum, mistakes);
      } else {
        ++sum.skipped;
        if (watch.skipped) watch.skipped(answers[i].error());
      }
    }
    if (watch.progress) watch.progress(static_cast<std::int64_t>(first + some.size()));
  }
  sum.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  find_commonest(mistakes, sum);
  return sum;
}

}  // namespace smlp
