#include "tasks/evaluation_files.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/printable.h"
#include "data/evaluation_journal.h"
#include "tasks/csv_cell.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::string_view kCsvStart = "file,label,class,rank,";
constexpr std::string_view kConfusionStart = "label\\answer,";
constexpr std::string_view kNotFinite = "the logits are not finite numbers; counted as wrong";

bool is_json(const fs::path& path) { return path.extension() == ".jsonl" || path.extension() == ".json"; }

// The first line of predictions, which has what json_row() writes. Other commands write lines that begin alike.
bool begins_json(std::string_view start) {
  const auto line = parse_json(start.substr(0, start.find('\n')));
  return line && line->is_object() &&
         std::ranges::all_of(std::array{"file", "label", "class", "rank", "top"},
                             [&](const char* key) { return line->contains(key); });
}

struct Row {
  std::string file;
  int label;
  const PictureOutcome& outcome;
  std::string_view error() const {
    if (!outcome.error.empty()) return outcome.error;
    return outcome.standing ? std::string_view() : kNotFinite;
  }
};

std::string json_row(const Row& row, const ClassList& list, const Json& provenance) {
  Json top = Json::array();
  for (const auto& [index, probability] : row.outcome.top) {
    top.push_back({{"index", index}, {"label", class_name(list, index)}, {"probability", probability}});
  }
  const auto& standing = row.outcome.standing;
  const Json line = {{"file", row.file},
                     {"label", row.label},
                     {"class", class_name(list, row.label)},
                     {"rank", standing ? Json(standing->rank) : Json()},
                     {"top", std::move(top)},
                     {"error", row.error().empty() ? Json() : Json(row.error())},
                     {"provenance", provenance}};
  return printable_json(dump_json(line)) + "\n";
}

std::string csv_title() {
  std::string line(kCsvStart);
  for (int i = 1; i <= kKeptClasses; ++i) line += fmt::format("index{0},class{0},probability{0},", i);
  return line + "error\n";
}

std::string csv_row(const Row& row, const ClassList& list) {
  const auto& standing = row.outcome.standing;
  std::string line = fmt::format("{},{},{},{}", csv_cell(row.file), row.label, csv_cell(class_name(list, row.label)),
                                 standing ? fmt::format("{}", standing->rank) : "");
  for (std::size_t i = 0; i < kKeptClasses; ++i) {
    if (i >= row.outcome.top.size()) {
      line += ",,,";
      continue;
    }
    const auto& [index, probability] = row.outcome.top[i];
    line += fmt::format(",{},{},{}", index, csv_cell(class_name(list, index)), probability);
  }
  return line + "," + csv_cell(row.error()) + "\n";
}

std::unexpected<Error> ending_error(const fs::path& path, std::string_view what, std::string_view endings) {
  return fail(Error{.what = fmt::format("{} are written as {}, by the name's ending", what, endings),
                    .file = path.string(),
                    .remedy = "choose another name"});
}

// No two of them lead to one file.
Result<void> check_different(std::initializer_list<fs::path> paths) {
  std::vector<fs::path> seen;
  for (const fs::path& path : paths) {
    if (path.empty()) continue;
    std::error_code code;
    fs::path real = fs::absolute(path, code);  // of a relative path that is not there only the words would be compared
    if (!code) real = fs::weakly_canonical(real, code);
    if (code) continue;  // whoever opens it says why
    if (std::ranges::find(seen, real) != seen.end()) {
      return fail(Error{.what = "is to hold two of predictions, confusion matrix and journal",
                        .file = path.string(),
                        .remedy = "give each a name of its own"});
    }
    seen.push_back(std::move(real));
  }
  return {};
}

}  // namespace

fs::path EvaluationFileNames::journal_path() const {
  if (!journal.empty()) return journal;
  const fs::path& beside = predictions.empty() ? confusion : predictions;
  if (beside.empty()) return {};
  return beside.parent_path() / fmt::format(".{}.smlp-journal", beside.filename().string());
}

Result<NamedOutput> create_confusion(const fs::path& path, NamedOutput::Mode mode) {
  if (path.extension() != ".csv") return ending_error(path, "confusion matrices", ".csv");
  return NamedOutput::create(
      path, mode, [](std::string_view start) { return start.starts_with(kConfusionStart); },
      "a confusion matrix of smlp");
}

Result<EvaluationFiles> EvaluationFiles::create(const EvaluationFileNames& names, NamedOutput::Mode mode) {
  SMLP_CHECK(check_different({names.predictions, names.confusion, names.journal_path()}));
  EvaluationFiles files;
  files.names_ = names;
  if (const fs::path& path = names.predictions; !path.empty()) {
    if (!is_json(path) && path.extension() != ".csv") return ending_error(path, "predictions", ".jsonl or .csv");
    const auto ours = [](std::string_view start) { return begins_json(start) || start.starts_with(kCsvStart); };
    SMLP_TRY(predictions, NamedOutput::create(path, mode, ours, "predictions of smlp"));
    files.predictions_.emplace(std::move(predictions));
  }
  if (!names.confusion.empty()) {
    SMLP_TRY(confusion, create_confusion(names.confusion, mode));
    files.confusion_.emplace(std::move(confusion));
  }
  return files;
}

Result<void> EvaluationFiles::write_predictions(const Evaluation& evaluation, const Source& source,
                                                std::span<const int> labels, const ClassList& list) {
  const bool as_json = is_json(names_.predictions);
  const Json provenance = provenance_json(evaluation.provenance);
  const std::size_t first = evaluation.shard.of(evaluation.listed).first;
  if (!as_json) SMLP_CHECK(predictions_->write(csv_title()));
  Result<void> outcome;
  std::size_t heard = 0;
  const auto hear = [&](std::size_t index, const PictureOutcome& picture) {
    if (first + index >= labels.size() || !is_possible(picture, labels[first + index], evaluation.tally.classes())) {
      return false;
    }
    ++heard;
    const Row row = {.file = source.name(first + index), .label = labels[first + index], .outcome = picture};
    outcome = predictions_->write(as_json ? json_row(row, list, provenance) : csv_row(row, list));
    return outcome.has_value();
  };
  SMLP_TRY(record, read_evaluation_journal(names_.journal_path(), hear));
  SMLP_CHECK(outcome);
  // Another run may have begun it anew since this one closed it.
  if (!record || heard != static_cast<std::size_t>(evaluation.images() + evaluation.skipped)) {
    return fail(Error{.what = "was replaced by another run of smlp",
                      .file = names_.journal_path().string(),
                      .remedy = "run one evaluation at a time, or choose another name"});
  }
  return predictions_->commit();
}

Result<void> EvaluationFiles::write(const Evaluation& evaluation, const Source& source, std::span<const int> labels,
                                    const ClassList& list) {
  if (predictions_) SMLP_CHECK(write_predictions(evaluation, source, labels, list));
  if (!confusion_) return {};
  SMLP_CHECK(confusion_->write(confusion_csv(evaluation.tally, list)));
  return confusion_->commit();
}

std::string confusion_csv(const Tally& tally, const ClassList& list) {
  const auto classes = static_cast<std::size_t>(tally.classes());
  const bool any_not_finite = tally.not_finite() > 0;
  const std::vector<ClassScore> scores = tally.per_class();
  std::string text(kConfusionStart);
  text.pop_back();
  for (std::size_t c = 0; c < classes; ++c) text += "," + csv_cell(class_name(list, static_cast<int>(c)));
  text += any_not_finite ? ",not finite\n" : "\n";
  auto next = tally.confusion().begin();
  for (std::size_t label = 0; label < classes; ++label) {
    std::vector<int> row(classes);
    int answered = 0;
    for (; next != tally.confusion().end() && next->first.first == static_cast<int>(label); ++next) {
      row[static_cast<std::size_t>(next->first.second)] = next->second;
      answered += next->second;
    }
    text += fmt::format("{},{}", csv_cell(class_name(list, static_cast<int>(label))), fmt::join(row, ","));
    text += any_not_finite ? fmt::format(",{}\n", scores[label].images - answered) : "\n";
  }
  return text;
}

}  // namespace smlp
