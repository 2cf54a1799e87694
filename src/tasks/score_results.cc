#include "tasks/score_results.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/json.h"
#include "base/open_file.h"
#include "data/bin_folder.h"
#include "data/image_folder.h"
#include "data/input_manifest.h"
#include "data/label_map.h"
#include "data/labels.h"
#include "data/result_folder.h"
#include "data/run_record.h"
#include "data/tally.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kImageNetPictures = 50000;
constexpr int kImageNetClasses = 1000;
constexpr std::int64_t kImageNetPerClass = 50;
constexpr std::uint64_t kMaxSummary = std::uint64_t{1} << 30;

// Who knows the class of a picture.
struct Truth {
  std::string source;
  LabelTable table;                                               // by position
  std::map<std::string, std::vector<std::int64_t>> of_stem = {};  // one a row; used where it is not empty
  bool imagenet = false;                                          // position / 50
  int folders = 0;  // class folders, where labels are their positions: as many classes must the results have

  // Labels of the result of this name, in the place of this bin; 0 where that is not known.
  std::size_t labels_of(const std::string& stem, std::size_t bin) const {
    if (const auto at = of_stem.find(stem); at != of_stem.end()) return at->second.size();
    const std::size_t width = table.batch_size;
    if (width < 2 || bin >= table.bins()) return 0;
    return width -
           static_cast<std::size_t>(std::ranges::count(std::span(table.labels).subspan(bin * width, width), kNoLabel));
  }
  std::uint64_t pictures() const {
    if (of_stem.empty()) return table.pictures();
    std::uint64_t count = 0;
    for (const auto& [stem, labels] : of_stem) count += labels.size();
    return count;
  }
};

std::unexpected<Error> score_error(const fs::path& file, std::string what, std::string remedy = {}) {
  return fail(Error{.what = std::move(what), .file = file.string(), .remedy = std::move(remedy)});
}

constexpr const char* kFlags = "give --labels labels.npy or --data_root with the ImageFolder of the pictures";

// The inputs that the summary of a run names, the guide's tool's as well as ours.
std::vector<fs::path> inputs_of_summary(const fs::path& results) {
  const fs::path beside = results.parent_path() / (results.filename().string() + "_summary.json");
  std::vector<fs::path> inputs;
  for (const fs::path& summary : {beside, results / "summary.json", results / "sumary.json"}) {
    const auto text = read_text(summary, kMaxSummary);
    if (!text) continue;
    const auto json = parse_json(*text);
    if (!json || !json->is_object() || !json->contains("filesinfo")) continue;
    for (const auto& item : (*json)["filesinfo"]) {
      if (!item.is_object() || !item.contains("infiles") || !item["infiles"].is_array()) continue;
      for (const auto& file : item["infiles"]) {
        if (file.is_string()) inputs.emplace_back(file.get<std::string>());
      }
    }
    return inputs;
  }
  return inputs;
}

// Results without a record of ours, as the guide's tool leaves them: their labels are in the parent of the folder of
// bins that the summary names, if all inputs are bins of that folder and it has labels for exactly these.
Result<std::optional<Truth>> truth_of_summary(const ResultFolder& results) {
  std::error_code code;
  const auto inputs = inputs_of_summary(fs::weakly_canonical(results.folder, code));
  if (inputs.empty() || !results.numbered) return std::nullopt;
  const fs::path folder = inputs.front().parent_path();
  const bool bins = std::ranges::all_of(inputs, [&](const fs::path& input) {
    return input.parent_path() == folder && input.extension() == ".bin" && batch_number(input.stem().string());
  });
  if (!bins) return std::nullopt;
  const fs::path path = folder.parent_path() / "labels.npy";
  if (!fs::is_regular_file(path, code)) return std::nullopt;
  SMLP_TRY(table, read_labels(path));
  if (table.bins() != inputs.size()) {
    return score_error(path, fmt::format("labels of {} bins, and the run had {} inputs", table.bins(), inputs.size()),
                       "these labels are of other bins: give --labels or --data_root");
  }
  return Truth{.source = path.string(), .table = std::move(table)};
}

// By the record of the inputs that a run of ours left beside its results.
Result<Truth> truth_of_manifest(const fs::path& folder, const InputManifest& manifest) {
  if (manifest.truth.empty()) {
    return score_error(folder, fmt::format("the labels of its inputs are not known: {}", manifest.missing), kFlags);
  }
  Truth truth{.source = manifest.truth, .table = {}};
  for (const InputRecord& input : manifest.inputs) truth.of_stem.emplace(input.stem, input.labels);
  return truth;
}

// Labels in the order of the inputs, which the run recorded: all of them or none.
Result<void> give_to_inputs(Truth& truth, const InputManifest& manifest) {
  std::size_t rows = 0;
  for (const InputRecord& input : manifest.inputs) rows += static_cast<std::size_t>(input.rows);
  if (rows != truth.table.pictures()) {
    return score_error(truth.source,
                       fmt::format("{} labels, and the run had {} pictures", truth.table.pictures(), rows),
                       "the results are of other pictures than the labels");
  }
  std::size_t at = 0;
  for (std::size_t i = 0; i < manifest.inputs.size(); ++i) {
    const InputRecord& input = manifest.inputs[i];
    const auto count = static_cast<std::size_t>(input.rows);
    if (const std::size_t wanted = truth.labels_of({}, i); wanted > 0 && wanted != count) {
      return score_error(input.file,
                         fmt::format("{} pictures, and {} has {} labels for it", count, truth.source, wanted),
                         "the results were made from other bins than the labels");
    }
    const auto labels = std::span(truth.table.labels).subspan(at, count);
    truth.of_stem.emplace(input.stem, std::vector(labels.begin(), labels.end()));
    at += count;
  }
  return {};
}

Result<Truth> truth_of_labels(const fs::path& path, const std::optional<InputManifest>& manifest) {
  SMLP_TRY(table, read_labels(path));
  Truth truth{.source = path.string(), .table = std::move(table)};
  if (manifest) SMLP_CHECK(give_to_inputs(truth, *manifest));
  return truth;
}

// The class of each class folder: by the names that the run recorded of its model, or, where it recorded none, by the
// folder's position.
Result<std::vector<int>> classes_of_folders(const ImageFolder& folder, const ClassList& list, Truth& truth) {
  std::vector<int> classes(folder.classes.size());
  if (list.names.empty() && list.wnids.empty()) {
    std::iota(classes.begin(), classes.end(), 0);
    truth.source += " (class folder i, sorted by name, is class i)";
    truth.folders = static_cast<int>(classes.size());
    return classes;
  }
  auto map = map_labels(folder.classes, static_cast<int>(std::max(list.names.size(), list.wnids.size())), list);
  if (!map) {
    return score_error(truth.source, std::move(map).error().what,
                       "give --labels, with the numbers of the model's classes");
  }
  truth.source += fmt::format(" (class folders by {})", label_rule_name(map->rule));
  return std::move(map->class_of_folder);
}

bool is_prepared(const InputRecord& input) { return input.file.ends_with(".bin") || input.file.ends_with(".npy"); }

// Bins by position, pictures by their names.
Result<Truth> truth_of_folder(const fs::path& data_root, bool numbered, const std::optional<InputManifest>& manifest) {
  SMLP_TRY(folder, read_image_folder(data_root));
  Truth truth{.source = data_root.string(), .table = {}};
  SMLP_TRY(classes, classes_of_folders(folder, manifest ? manifest->classes : ClassList{.names = {}}, truth));
  const bool by_position = numbered && (!manifest || std::ranges::all_of(manifest->inputs, is_prepared));
  for (const LabelledPicture& picture : folder.pictures) {
    const std::int64_t label = classes[static_cast<std::size_t>(picture.label)];
    if (by_position) {
      truth.table.labels.push_back(label);
      continue;
    }
    const std::string name = picture.file.filename().string();
    const std::string stem = name.substr(0, name.find('.'));
    const auto [at, is_new] = truth.of_stem.emplace(stem, std::vector<std::int64_t>{label});
    if (!is_new && at->second.front() != label) {
      return score_error(picture.file, "another class has a picture of this name, so names do not tell the class",
                         "give --labels");
    }
  }
  if (by_position && manifest) SMLP_CHECK(give_to_inputs(truth, *manifest));
  return truth;
}

Truth imagenet_truth() {
  return {.source = "the full ImageNet validation set (picture i is of class i / 50)", .table = {}, .imagenet = true};
}

Result<Truth> find_truth(const ScoreOptions& options, const ResultFolder& results,
                         const std::optional<InputManifest>& manifest) {
  if (!options.labels.empty()) return truth_of_labels(options.labels, manifest);
  if (!options.data_root.empty()) return truth_of_folder(options.data_root, results.numbered, manifest);
  if (manifest && !manifest->truth.empty()) return truth_of_manifest(results.folder, *manifest);
  const std::size_t count = std::max(results.files.size(), results.packed_stems.size());
  if (results.numbered && (options.n || count == kImageNetPictures)) {
    if (manifest) return imagenet_truth();
    SMLP_TRY(found, truth_of_summary(results));
    return found ? std::move(*found) : imagenet_truth();
  }
  if (manifest) return truth_of_manifest(results.folder, *manifest);
  SMLP_TRY(found, truth_of_summary(results));
  if (found) return std::move(*found);
  return score_error(results.folder,
                     "nothing says which pictures these results are of: there is neither a record of the run's inputs "
                     "nor a summary that names bins with a labels.npy beside their folder",
                     kFlags);
}

// Counts rows against the truth.
class Scorer {
 public:
  Scorer(const Truth& truth, const ScoreOptions& options) : truth_(truth), limit_(options.n.value_or(UINT64_MAX)) {}

  // Whether another picture is to be scored; where not, it is one that --n leaves out.
  bool takes_another() {
    left_out_ = position_ >= limit_;
    return !left_out_;
  }
  bool left_out() const { return left_out_; }
  const std::optional<Tally>& tally() const { return tally_; }

  // Row `index` of the result of `stem`.
  Result<void> add(const ResultFile& file, const std::string& stem, std::size_t index, std::span<const float> row) {
    const int classes = static_cast<int>(row.size());
    if (!tally_) tally_.emplace(classes);
    if (classes != tally_->classes()) {
      return score_error(file.path, fmt::format("{} classes, the files before have {}", classes, tally_->classes()));
    }
    if (truth_.folders > 0 && truth_.folders != classes) {
      return score_error(file.path,
                         fmt::format("results of {} classes, and there are {} class folders", classes, truth_.folders),
                         "give --labels, with the numbers of the model's classes");
    }
    SMLP_TRY(label, label_of(file, stem, index));
    if (label < 0 || label >= classes) {
      return score_error(
          truth_.source,
          fmt::format("picture {} is of class {}, and the results have {} classes", position_, label, classes),
          "these labels belong to another model");
    }
    ++position_;
    tally_->add(static_cast<int>(label), row);
    return {};
  }

 private:
  Result<std::int64_t> label_of(const ResultFile& file, const std::string& stem, std::size_t index) const {
    if (truth_.imagenet) {
      const auto label = static_cast<std::int64_t>(position_) / kImageNetPerClass;
      if (tally_->classes() != kImageNetClasses || label >= kImageNetClasses) {
        return score_error(file.path, fmt::format("{} classes, and no labels are known", tally_->classes()),
                           "give --labels labels.npy or --data_root");
      }
      return label;
    }
    if (!truth_.of_stem.empty()) {
      const auto at = truth_.of_stem.find(stem);
      if (at == truth_.of_stem.end()) {
        return score_error(file.path, fmt::format("no picture named {} is in {}", stem, truth_.source));
      }
      if (index < at->second.size()) return at->second[index];
      return score_error(file.path, fmt::format("more rows of logits than {} has labels for it", truth_.source),
                         "the results are of other pictures than the labels");
    }
    if (position_ < truth_.table.labels.size() && truth_.table.labels[position_] != kNoLabel) {
      return truth_.table.labels[position_];
    }
    return score_error(truth_.source, fmt::format("{} labels, and there are more results", truth_.table.pictures()),
                       "the results are of other pictures than the labels");
  }

  const Truth& truth_;
  std::uint64_t limit_;
  std::optional<Tally> tally_;
  std::uint64_t position_ = 0;
  bool left_out_ = false;
};

Result<void> score_files(const ResultFolder& results, const Truth& truth, Scorer& scorer) {
  const int classes = results.classes > 0 ? results.classes : truth.imagenet ? kImageNetClasses : 0;
  for (std::size_t i = 0; i < results.files.size() && scorer.takes_another(); ++i) {
    const ResultFile& file = results.files[i];
    // Rows that raw .bin results must have say nothing of their shape.
    const auto wanted = static_cast<int>(truth.labels_of(file.stem, i));
    SMLP_TRY(logits, read_logits(file, wanted > 0 ? wanted : truth.imagenet ? 0 : 1, classes));
    if (wanted > 0 && logits.rows != wanted) {
      return score_error(
          file.path, fmt::format("{} rows of logits, and {} has {} labels for it", logits.rows, truth.source, wanted),
          "the results were made from other bins than the labels");
    }
    const auto width = static_cast<std::size_t>(logits.classes);
    for (std::size_t row = 0; row < static_cast<std::size_t>(logits.rows) && scorer.takes_another(); ++row) {
      SMLP_CHECK(scorer.add(file, file.stem, row, std::span(logits.values).subspan(row * width, width)));
    }
  }
  return {};
}

Result<void> score_packed(const ResultFolder& results, Scorer& scorer) {
  const ResultFile& file = results.files.front();
  SMLP_TRY(logits, read_logits(file, 0, results.classes));
  if (static_cast<std::size_t>(logits.rows) != results.packed_stems.size()) {
    return score_error(
        file.path, fmt::format("{} rows, and {} has {} lines", logits.rows, kPackedNames, results.packed_stems.size()));
  }
  const auto width = static_cast<std::size_t>(logits.classes);
  std::size_t index = 0;  // within the input
  for (std::size_t row = 0; row < results.packed_stems.size() && scorer.takes_another(); ++row) {
    const std::string& stem = results.packed_stems[row];
    const bool first = row == 0 || stem != results.packed_stems[row - 1];
    index = first ? 0 : index + 1;
    SMLP_CHECK(scorer.add(file, stem, index, std::span(logits.values).subspan(row * width, width)));
  }
  return {};
}

void warn(const Truth& truth, const ScoreOptions& options, bool more, Score& score) {
  auto& warnings = score.warnings;
  if (score.not_finite > 0) {
    warnings.push_back(fmt::format("{} of {} pictures have logits that are no finite numbers; they count as wrong",
                                   score.not_finite, score.pictures));
  }
  if (more) warnings.push_back(fmt::format("only the first {} pictures are scored, as --n says", score.pictures));
  const std::uint64_t known = truth.pictures();
  if (!options.n && known > score.pictures) {
    warnings.push_back(fmt::format("results of {} pictures, and {} knows {}: the run is not complete", score.pictures,
                                   truth.source, known));
  }
  if (at_chance_level(static_cast<std::int64_t>(score.right1), static_cast<std::int64_t>(score.pictures),
                      score.classes)) {
    warnings.push_back(
        fmt::format("acc@1 is what guessing among {} classes gives: the labels are probably in another "
                    "order than the model's classes",
                    score.classes));
  }
}

// Labels of a flag are taken as they are; where the run recorded others, one of the two is wrong.
void warn_of_other_labels(const Truth& truth, const InputManifest& manifest, Score& score) {
  std::size_t compared = 0, differing = 0;
  for (const InputRecord& input : manifest.inputs) {
    const auto at = truth.of_stem.find(input.stem);
    if (at == truth.of_stem.end() || at->second.size() != input.labels.size()) continue;
    compared += input.labels.size();
    for (std::size_t i = 0; i < input.labels.size(); ++i) differing += input.labels[i] != at->second[i];
  }
  if (differing == 0) return;
  score.warnings.push_back(fmt::format("{} of {} labels of {} are not those that the run recorded, from {}", differing,
                                       compared, truth.source, manifest.truth));
}

// Unnumbered results and a plain list of labels: the order is known only if the run recorded it.
Result<void> check_match(const Truth& truth, const ResultFolder& results, std::size_t count) {
  if (results.numbered || !truth.of_stem.empty() || truth.imagenet || truth.table.pictures() == count) return {};
  return score_error(results.folder,
                     fmt::format("cannot match {} unnumbered results to the {} labels of {}", count,
                                 truth.table.pictures(), truth.source),
                     "give --data_root, where the names tell the classes");
}

// What the run recorded, by which program it is scored, and the labels.
Result<void> tell_provenance(const fs::path& folder, Score& score) {
  SMLP_TRY(record, read_run_record(folder));
  if (auto recorded = provenance_of_text(record ? record->provenance : "")) {
    score.provenance = *std::move(recorded);
    score.results_program = score.provenance.program();
  }
  const Provenance program = program_provenance();
  score.provenance.version = program.version;
  score.provenance.commit = program.commit;
  score.provenance.label_rule = score.truth;
  return {};
}

}  // namespace

Result<Score> score_results(const ScoreOptions& options) {
  SMLP_TRY(results, find_results(options.results));
  SMLP_TRY(manifest, read_input_manifest(results.folder));
  SMLP_TRY(truth, find_truth(options, results, manifest));
  if (truth.of_stem.empty()) SMLP_CHECK(check_gaps(results));
  SMLP_CHECK(check_match(truth, results, std::max(results.files.size(), results.packed_stems.size())));
  Scorer scorer(truth, options);
  SMLP_CHECK(results.packed ? score_packed(results, scorer) : score_files(results, truth, scorer));
  Score score{.truth = truth.source, .warnings = {}};
  SMLP_CHECK(tell_provenance(results.folder, score));
  if (const auto& tally = scorer.tally()) {
    score.pictures = static_cast<std::uint64_t>(tally->images());
    score.not_finite = static_cast<std::uint64_t>(tally->not_finite());
    score.right1 = static_cast<std::uint64_t>(tally->right1());
    score.right5 = static_cast<std::uint64_t>(tally->right5());
    score.classes = tally->classes();
  }
  if (options.n && score.pictures < *options.n) {
    return score_error(results.folder,
                       fmt::format("{} pictures have results, --n asks for {}", score.pictures, *options.n),
                       fmt::format("finish the run with infer --resume, or give --n {}", score.pictures));
  }
  warn(truth, options, scorer.left_out(), score);
  if (manifest) warn_of_other_labels(truth, *manifest, score);
  return score;
}

}  // namespace smlp
