#include "tasks/evaluate.h"

#include <chrono>
#include <optional>
#include <utility>

#include "api/session_pass.h"
#include "api/top_classes.h"
#include "data/evaluation_journal.h"
#include "tasks/named_output.h"

namespace smlp {
namespace {

using Clock = std::chrono::steady_clock;

// The pictures from `first` on, and when each was opened.
class PartSource final : public Source {
 public:
  PartSource(Source& whole, std::size_t first, std::size_t count) : whole_(whole), first_(first), opened_(count) {}

  std::size_t size() const override { return opened_.size(); }
  Result<Reading> read(std::size_t index, Room& room) override {
    opened_[index] = Clock::now();
    return whole_.read(first_ + index, room);
  }
  void examine(std::size_t index, const Reading& reading) override { whole_.examine(first_ + index, reading); }
  bool waits() const override { return whole_.waits(); }
  std::string name(std::size_t index) const override { return whole_.name(first_ + index); }

  std::uint64_t nanoseconds_since(std::size_t index) const {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - opened_[index]).count());
  }

 private:
  Source& whole_;
  std::size_t first_;
  std::vector<Clock::time_point> opened_;
};

// Counts outcomes, those of this run and those of an earlier one alike.
class Counter {
 public:
  Counter(const EvaluationInput& input, const EvaluationWatch& watch, Shard::Range range, Evaluation& out)
      : input_(input), watch_(watch), range_(range), out_(out) {}

  std::uint64_t done() const { return done_; }
  bool complete() const { return done_ == range_.size(); }

  // Whether an earlier run can have seen this of the part's picture `index`.
  bool is_possible(std::size_t index, const PictureOutcome& outcome) const {
    return smlp::is_possible(outcome, input_.labels[range_.first + index], out_.tally.classes());
  }

  void add(const PictureOutcome& outcome) {
    const std::size_t picture = range_.first + done_++;
    if (outcome.error.empty()) {
      out_.tally.add(input_.labels[picture], outcome.standing);
      out_.latency.add(outcome.nanoseconds);
    } else {
      ++out_.skipped;
      if (watch_.skipped) watch_.skipped(Error{.what = outcome.error, .file = input_.source.name(picture)});
    }
  }

  void show() const {
    if (watch_.progress) watch_.progress(static_cast<std::int64_t>(done_), static_cast<std::int64_t>(range_.size()));
  }

 private:
  const EvaluationInput& input_;
  const EvaluationWatch& watch_;
  Shard::Range range_;
  Evaluation& out_;
  std::uint64_t done_ = 0;
};

class Scorer final : public Sink {
 public:
  Scorer(const PartSource& source, std::span<const int> labels, Counter& counter, EvaluationJournal* journal)
      : source_(source), labels_(labels), counter_(counter), journal_(journal) {}

  Result<void> put(std::size_t index, Result<std::span<const float>> logits) override {
    if (!logits && logits.error().transient && journal_ != nullptr) return fail(std::move(logits).error());
    SMLP_TRY(outcome, outcome_of(index, std::move(logits)));
    if (journal_ != nullptr) SMLP_CHECK(journal_->append(outcome));
    counter_.add(outcome);
    counter_.show();
    return {};
  }

 private:
  Result<PictureOutcome> outcome_of(std::size_t index, Result<std::span<const float>> logits) const {
    PictureOutcome outcome{.nanoseconds = source_.nanoseconds_since(index)};
    if (!logits) {
      Error error = std::move(logits).error();
      error.file.clear();  // its name is known, and differs where the data set was moved
      outcome.error = error.message();
      return outcome;
    }
    outcome.standing = standing_of(*logits, labels_[index]);
    if (!outcome.standing || journal_ == nullptr) return outcome;
    SMLP_TRY(best, top_classes(*logits, kKeptClasses, {}));
    for (const Prediction& p : best) outcome.top.emplace_back(p.index, p.probability);
    return outcome;
  }

  const PartSource& source_;
  std::span<const int> labels_;
  Counter& counter_;
  EvaluationJournal* journal_;
};

std::unexpected<Error> journal_error(const EvaluateOptions& options, std::string what, std::string remedy) {
  return fail(Error{.what = std::move(what), .file = options.journal.string(), .remedy = std::move(remedy)});
}

// The journal of this run: a new one, or that of an earlier run, whose outcomes are counted.
Result<std::optional<EvaluationJournal>> open_journal(const EvaluateOptions& options, Shard::Range range,
                                                      Counter& counter) {
  if (options.journal.empty()) return std::nullopt;
  SMLP_CHECK(clear_leftovers(options.journal));
  std::vector<PictureOutcome> outcomes;
  SMLP_TRY(earlier, read_evaluation_journal(options.journal, [&](std::size_t index, PictureOutcome outcome) {
             if (index < range.size() && !counter.is_possible(index, outcome)) return false;
             outcomes.push_back(std::move(outcome));
             return index < range.size();
           }));
  if (earlier && !options.resume && !options.force) {
    return journal_error(options, "is the journal of an earlier evaluation",
                         "give --resume to go on with it, or --force to start over");
  }
  if (earlier && options.resume) {
    const auto differing = differences(earlier->identity, options.identity);
    if (!differing.empty() && !options.force) {
      return journal_error(options,
                           fmt::format("cannot resume: the evaluation there differs in {}", fmt::join(differing, ", ")),
                           "give --force to start over");
    }
    if (differing.empty()) {
      if (outcomes.size() > range.size()) return journal_error(options, "has more pictures than there are", "");
      for (const PictureOutcome& outcome : outcomes) counter.add(outcome);
      SMLP_TRY(journal, EvaluationJournal::reopen(options.journal, *earlier));
      return std::optional(std::move(journal));
    }
  }
  if (earlier) SMLP_CHECK(LineJournal::discard(options.journal));
  SMLP_TRY(journal, EvaluationJournal::create(options.journal, options.identity, options.provenance));
  return std::optional(std::move(journal));
}

}  // namespace

Result<Evaluation> evaluate(Session& session, const EvaluationInput& input, const EvaluateOptions& options,
                            const EvaluationWatch& watch) {
  const Shard::Range range = options.shard.of(input.labels.size());
  Evaluation out{.listed = input.labels.size(), .shard = options.shard, .tally = Tally(session.model().classes())};
  Counter counter(input, watch, range, out);
  SMLP_TRY(journal, open_journal(options, range, counter));
  out.resumed = static_cast<std::int64_t>(counter.done());
  counter.show();
  if (counter.complete()) return out;

  const auto start = Clock::now();
  const std::size_t first = range.first + counter.done();
  PartSource source(input.source, first, range.last - first);
  Scorer sink(source, input.labels.subspan(first), counter, journal ? &*journal : nullptr);
  SMLP_CHECK(run_pass(session, source, sink, pass_options(session)));
  out.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return out;
}

}  // namespace smlp
