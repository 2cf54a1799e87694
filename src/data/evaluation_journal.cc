#include "data/evaluation_journal.h"

#include <algorithm>

#include "base/json.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string outcome_line(const PictureOutcome& outcome) {
  Json line = Json::object();
  if (!outcome.error.empty()) {
    line["error"] = outcome.error;
  } else if (!outcome.standing) {
    line["not_finite"] = true;
  } else {
    line = {{"rank", outcome.standing->rank}, {"answer", outcome.standing->answer}, {"top", outcome.top}};
  }
  line["ns"] = outcome.nanoseconds;
  return dump_json(line);
}

// Throws json::exception on anything unexpected.
PictureOutcome outcome_of(const Json& line) {
  PictureOutcome outcome{.nanoseconds = exact<std::uint64_t>(line.at("ns"))};
  if (line.contains("error")) {
    outcome.error = line.at("error");
    if (outcome.error.empty()) throw Json::other_error::create(501, "an error without words", nullptr);
  } else if (!line.contains("not_finite")) {
    outcome.standing = Standing{.rank = exact<int>(line.at("rank")), .answer = exact<int>(line.at("answer"))};
    for (const Json& entry : line.at("top"))
      outcome.top.emplace_back(exact<int>(entry.at(0)), entry.at(1).get<double>());
  }
  return outcome;
}

std::unexpected<Error> journal_error(const fs::path& path, std::string_view why) {
  return fail(Error{.what = fmt::format("is no journal of an evaluation: {}", why),
                    .file = path.string(),
                    .remedy = "choose another name with --journal"});
}

}  // namespace

bool is_possible(const PictureOutcome& outcome, int label, int classes) {
  const auto is_class = [&](int c) { return c >= 0 && c < classes; };
  const auto is_prediction = [&](const std::pair<int, double>& entry) {
    return is_class(entry.first) && entry.second >= 0 && entry.second <= 1;  // a NaN is neither
  };
  if (!outcome.standing) return outcome.top.empty();
  const auto [rank, answer] = *outcome.standing;
  return is_class(answer) && is_class(rank) && (rank == 0) == (answer == label) && outcome.top.size() <= kKeptClasses &&
         std::ranges::all_of(outcome.top, is_prediction);
}

Result<std::optional<EvaluationRecord>> read_evaluation_journal(const fs::path& path, const HearOutcome& hear) {
  std::size_t index = 0;
  const auto understood = [&](std::string_view text) {
    const auto line = parse_ordered_json(text);
    if (!line) return false;
    try {
      return hear(index++, outcome_of(*line));
    } catch (const Json::exception&) {
      return false;
    }
  };
  SMLP_TRY(lines, read_lines(path, understood));
  if (!lines) return std::nullopt;
  const auto header = parse_ordered_json(lines->header);
  if (!header) return journal_error(path, header.error().what);
  try {
    if (header->at("smlp_evaluation_journal") != 1) return journal_error(path, "another version wrote it");
    return EvaluationRecord{.identity = identity_of_json(header->at("identity")), .lines = std::move(*lines)};
  } catch (const Json::exception& error) {
    return journal_error(path, json_fault(error));
  }
}

Result<EvaluationJournal> EvaluationJournal::create(const fs::path& path, const RunIdentity& identity,
                                                    const std::string& provenance) {
  const Json header = {{"smlp_evaluation_journal", 1},
                       {"identity", identity_json(identity)},
                       {"provenance", Json::parse(provenance.empty() ? "{}" : provenance, nullptr, false)}};
  SMLP_TRY(journal, LineJournal::create(path, dump_json(header)));
  return EvaluationJournal(std::move(journal));
}

Result<EvaluationJournal> EvaluationJournal::reopen(const fs::path& path, const EvaluationRecord& record) {
  SMLP_TRY(journal, LineJournal::reopen(path, record.lines));
  return EvaluationJournal(std::move(journal));
}

Result<void> EvaluationJournal::append(const PictureOutcome& outcome) { return journal_.append(outcome_line(outcome)); }

}  // namespace smlp
