#include <algorithm>

#include "tasks/evaluation.h"

namespace smlp {
namespace {

std::unexpected<Error> merge_error(const EvaluationPart& part, std::string what, std::string remedy) {
  return fail(Error{.what = std::move(what), .file = part.file.string(), .remedy = std::move(remedy)});
}

// Whether two parts are of one whole.
Result<void> check_same(const EvaluationPart& first, const EvaluationPart& part) {
  const Evaluation &a = first.evaluation, &b = part.evaluation;
  std::vector<std::string> differing = differences(a.provenance, b.provenance);
  if (a.tally.classes() != b.tally.classes() || a.classes != b.classes ||
      a.model_classes.names != b.model_classes.names)
    differing.emplace_back("classes");
  if (a.label_source != b.label_source) {
    differing.push_back(fmt::format("source of the labels ({}, {})", a.label_source, b.label_source));
  }
  if (a.listed != b.listed) differing.push_back(fmt::format("pictures of all parts ({}, {})", a.listed, b.listed));
  if (a.shard.count != b.shard.count) {
    differing.push_back(fmt::format("number of parts ({}, {})", a.shard.count, b.shard.count));
  }
  if (differing.empty()) return {};
  return merge_error(part,
                     fmt::format("is no part of the same whole as {}: they differ in {}", first.file.string(),
                                 fmt::join(differing, ", ")),
                     "evaluate the same pictures in the same way for every part");
}

Result<void> check_complete(const EvaluationPart& part) {
  const Evaluation& e = part.evaluation;
  const auto counted = static_cast<std::uint64_t>(e.images() + e.skipped), wanted = e.shard.of(e.listed).size();
  if (counted == wanted) return {};
  return merge_error(part, fmt::format("is not complete: {} of {} pictures", counted, wanted),
                     "evaluate this part again");
}

Result<void> check_places(const std::vector<EvaluationPart>& parts) {
  std::vector<GivenPart> given;
  given.reserve(parts.size());
  for (const EvaluationPart& part : parts) given.push_back({part.evaluation.shard, part.file.string()});
  return check_parts(given);
}

}  // namespace

Result<Evaluation> merge_evaluations(std::vector<EvaluationPart> parts) {
  if (parts.empty()) return fail("no parts to merge");
  for (const EvaluationPart& part : parts) {
    SMLP_CHECK(check_same(parts.front(), part));
    SMLP_CHECK(check_complete(part));
  }
  std::ranges::stable_sort(parts, {}, [](const EvaluationPart& part) { return part.evaluation.shard.index; });
  SMLP_CHECK(check_places(parts));
  Evaluation whole = parts.front().evaluation;
  whole.shard = {};
  for (const EvaluationPart& part : std::span(parts).subspan(1)) {
    const Evaluation& e = part.evaluation;
    whole.tally.add(e.tally);
    whole.skipped += e.skipped;
    whole.resumed += e.resumed;
    whole.seconds += e.seconds;
    whole.latency.add(e.latency);
    if (e.provenance.threads != whole.provenance.threads) whole.provenance.threads = 0;
    if (e.provenance.model != whole.provenance.model) whole.provenance.model.clear();
  }
  return whole;
}

}  // namespace smlp
