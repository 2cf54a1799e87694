#include "tasks/evaluate.h"

#include <chrono>
#include <utility>

#include "api/session_pass.h"
#include "tasks/input_source.h"

namespace smlp {
namespace {

class Scorer final : public Sink {
 public:
  Scorer(const Inputs& data, std::span<const int> class_of_label, const EvaluationWatch& watch, int classes)
      : tally(classes), data_(data), class_of_label_(class_of_label), watch_(watch) {}

  Result<void> put(std::size_t index, Result<std::span<const float>> logits) override {
    const Input& picture = data_.files[index];
    if (logits) {
      tally.add(class_of_label_[static_cast<std::size_t>(picture.label)], *logits);
    } else {
      ++skipped;
      if (watch_.skipped) watch_.skipped(std::move(logits).error().in(picture.name()));
    }
    if (watch_.progress) watch_.progress(static_cast<std::int64_t>(index + 1));
    return {};
  }

  Tally tally;
  std::int64_t skipped = 0;

 private:
  const Inputs& data_;
  std::span<const int> class_of_label_;
  const EvaluationWatch& watch_;
};

}  // namespace

Result<Evaluation> evaluate(Session& session, const Inputs& data, std::span<const int> class_of_label,
                            const EvaluationWatch& watch) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  InputSource source(data.files, input_spec(session.model()));
  Scorer sink(data, class_of_label, watch, session.model().classes());
  SMLP_CHECK(run_pass(session, source, sink, pass_options(session)));
  const Tally& tally = sink.tally;
  return Evaluation{.images = tally.images(),
                    .not_finite = tally.not_finite(),
                    .skipped = sink.skipped,
                    .right1 = tally.right1(),
                    .right5 = tally.right5(),
                    .seconds = std::chrono::duration<double>(Clock::now() - start).count(),
                    .per_class = tally.per_class()};
}

}  // namespace smlp
