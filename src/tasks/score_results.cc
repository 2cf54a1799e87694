#include "tasks/score_results.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/file_map.h"
#include "base/json.h"
#include "data/bin_folder.h"
#include "data/image_folder.h"
#include "data/labels.h"
#include "data/result_folder.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kImageNetPictures = 50000;
constexpr int kImageNetClasses = 1000;
constexpr std::int64_t kImageNetPerClass = 50;

// Who knows the class of a picture.
struct Truth {
  std::string source;
  LabelTable table;                           // by position
  std::map<std::string, std::int64_t> named;  // by stem; used where it is not empty
  bool imagenet = false;                      // position / 50
};

std::unexpected<Error> score_error(const fs::path& file, std::string what, std::string remedy = {}) {
  return fail(Error{.what = std::move(what), .file = file.string(), .remedy = std::move(remedy)});
}

// The place of `label` when the classes are sorted by logit, best first; equal logits keep the order of their indices.
int rank_of(std::span<const float> logits, std::size_t label) {
  int rank = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    rank += logits[i] > logits[label] || (logits[i] == logits[label] && i < label);
  }
  return rank;
}

// The folder of the inputs, as the summary of the run has it (ours and the guide's tool's alike).
std::optional<fs::path> inputs_folder(const fs::path& results) {
  const fs::path beside = results.parent_path() / (results.filename().string() + "_summary.json");
  for (const fs::path& summary : {beside, results / "summary.json", results / "sumary.json"}) {
    const auto map = FileMap::open(summary);
    if (!map) continue;
    const auto json = parse_json({reinterpret_cast<const char*>((*map)->bytes().data()), (*map)->bytes().size()});
    if (!json || !json->is_object() || !json->contains("filesinfo")) continue;
    for (const auto& item : (*json)["filesinfo"]) {
      if (!item.is_object() || !item.contains("infiles")) continue;
      for (const auto& file : item["infiles"]) {
        if (file.is_string()) return fs::path(file.get<std::string>()).parent_path();
      }
    }
  }
  return std::nullopt;
}

std::optional<fs::path> find_labels(const fs::path& results) {
  std::error_code code;
  const fs::path real = fs::weakly_canonical(results, code);
  std::vector<fs::path> folders;
  if (const auto inputs = inputs_folder(real)) {
    folders.push_back(fs::weakly_canonical(*inputs, code).parent_path());
    folders.push_back(*inputs);
  }
  folders.insert(folders.end(), {real, real.parent_path(), real.parent_path().parent_path(), "."});
  for (const fs::path& folder : folders) {
    const fs::path labels = folder / "labels.npy";
    if (fs::is_regular_file(labels, code)) return labels;
  }
  return std::nullopt;
}

// By position for numbered results, else by the pictures' names.
Result<Truth> truth_of_folder(const fs::path& data_root, bool numbered) {
  SMLP_TRY(folder, read_image_folder(data_root));
  Truth truth{.source = data_root.string(), .table = {}, .named = {}};
  for (const LabelledPicture& picture : folder.pictures) {
    if (numbered) {
      truth.table.labels.push_back(picture.label);
      continue;
    }
    const std::string name = picture.file.filename().string();
    const std::string stem = name.substr(0, name.find('.'));
    const auto [at, is_new] = truth.named.emplace(stem, picture.label);
    if (!is_new && at->second != picture.label) {
      return score_error(picture.file, "another class has a picture of this name, so names do not tell the class",
                         "give --labels");
    }
  }
  return truth;
}

Result<Truth> find_truth(const ScoreOptions& options, const ResultFolder& results) {
  if (options.labels.empty() && !options.data_root.empty()) return truth_of_folder(options.data_root, results.numbered);
  const auto labels = options.labels.empty() ? find_labels(results.folder) : std::optional(options.labels);
  if (labels) {
    SMLP_TRY(table, read_labels(*labels));
    return Truth{.source = labels->string(), .table = std::move(table), .named = {}};
  }
  if (options.n || results.files.size() == kImageNetPictures || results.packed_stems.size() == kImageNetPictures) {
    return Truth{.source = "the full ImageNet validation set (picture i is of class i / 50)",
                 .table = {},
                 .named = {},
                 .imagenet = true};
  }
  return score_error(results.folder, "no labels.npy is in, beside or above it, nor beside its inputs",
                     "give --labels labels.npy or --data_root with the ImageFolder of the pictures");
}

// Counts rows against the truth.
class Scorer {
 public:
  Scorer(const Truth& truth, const ScoreOptions& options, Score& score)
      : truth_(truth), limit_(options.n.value_or(UINT64_MAX)), score_(score) {}

  bool full() const { return position_ >= limit_; }
  std::uint64_t position() const { return position_; }
  std::uint64_t not_numbers() const { return not_numbers_; }

  Result<void> add(const ResultFile& file, std::string_view stem, std::span<const float> row) {
    const int classes = static_cast<int>(row.size());
    if (score_.classes == 0) score_.classes = classes;
    if (classes != score_.classes) {
      return score_error(file.path, fmt::format("{} classes, the files before have {}", classes, score_.classes));
    }
    SMLP_TRY(label, label_of(file, stem));
    if (label >= classes) {
      return score_error(
          truth_.source,
          fmt::format("picture {} is of class {}, and the results have {} classes", position_, label, classes),
          "these labels belong to another model");
    }
    ++position_;
    ++score_.pictures;
    if (std::ranges::any_of(row, [](float v) { return !std::isfinite(v); })) {
      ++not_numbers_;  // counts as wrong
      return {};
    }
    const int rank = rank_of(row, static_cast<std::size_t>(label));
    score_.right1 += rank == 0;
    score_.right5 += rank < 5;
    return {};
  }

 private:
  Result<std::int64_t> label_of(const ResultFile& file, std::string_view stem) const {
    if (truth_.imagenet) {
      const auto label = static_cast<std::int64_t>(position_) / kImageNetPerClass;
      if (score_.classes != kImageNetClasses || label >= kImageNetClasses) {
        return score_error(file.path, fmt::format("{} classes, and no labels are known", score_.classes),
                           "give --labels labels.npy or --data_root");
      }
      return label;
    }
    if (!truth_.named.empty()) {
      const auto at = truth_.named.find(std::string(stem));
      if (at != truth_.named.end()) return at->second;
      return score_error(file.path, fmt::format("no picture named {} is in {}", stem, truth_.source));
    }
    if (position_ < truth_.table.labels.size() && truth_.table.labels[position_] != kNoLabel) {
      return truth_.table.labels[position_];
    }
    return score_error(truth_.source, fmt::format("{} labels, and there are more results", truth_.table.pictures()),
                       "the results are of other pictures than the labels");
  }

  const Truth& truth_;
  std::uint64_t limit_;
  Score& score_;
  std::uint64_t position_ = 0, not_numbers_ = 0;
};

// Labels that a bin's row of the table holds; 0 where the table is flat or knows nothing of it.
int labels_in_bin(const Truth& truth, std::size_t bin) {
  const std::size_t width = truth.table.batch_size;
  if (width < 2 || bin >= truth.table.bins()) return 0;
  const auto row = std::span(truth.table.labels).subspan(bin * width, width);
  return static_cast<int>(width) - static_cast<int>(std::ranges::count(row, kNoLabel));
}

// Rows of a bin that the truth expects, to cut raw .bin results that say nothing of their shape.
int expected_rows(const Truth& truth, std::size_t bin) {
  const int rows = labels_in_bin(truth, bin);
  return rows > 0 ? rows : truth.imagenet ? 0 : 1;
}

Result<void> score_files(const ResultFolder& results, const Truth& truth, Scorer& scorer) {
  const int classes = results.classes > 0 ? results.classes : truth.imagenet ? kImageNetClasses : 0;
  for (std::size_t i = 0; i < results.files.size() && !scorer.full(); ++i) {
    const ResultFile& file = results.files[i];
    SMLP_TRY(logits, read_logits(file, expected_rows(truth, i), classes));
    const int wanted = results.numbered ? labels_in_bin(truth, i) : 0;
    if (wanted > 0 && logits.rows != wanted) {
      return score_error(
          file.path, fmt::format("{} rows of logits, and {} has {} labels for it", logits.rows, truth.source, wanted),
          "the results were made from other bins than the labels");
    }
    const auto width = static_cast<std::size_t>(logits.classes);
    for (std::size_t row = 0; row < static_cast<std::size_t>(logits.rows) && !scorer.full(); ++row) {
      SMLP_CHECK(scorer.add(file, file.stem, std::span(logits.values).subspan(row * width, width)));
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
  std::uint64_t expected = 0;
  for (std::size_t row = 0; row < results.packed_stems.size() && !scorer.full(); ++row) {
    const std::string& stem = results.packed_stems[row];
    if (results.numbered && (row == 0 || stem != results.packed_stems[row - 1])) {
      if (*batch_number(stem) != expected) {
        return score_error(file.path, fmt::format("batch-{:05} is missing before {}", expected, stem),
                           "run infer on all bins");
      }
      ++expected;
    }
    SMLP_CHECK(scorer.add(file, stem, std::span(logits.values).subspan(row * width, width)));
  }
  return {};
}

void warn(const Scorer& scorer, const Truth& truth, const ScoreOptions& options, bool more, Score& score) {
  auto& warnings = score.warnings;
  if (scorer.not_numbers() > 0) {
    warnings.push_back(fmt::format("{} of {} pictures have logits that are no finite numbers; they count as wrong",
                                   scorer.not_numbers(), score.pictures));
  }
  if (more) warnings.push_back(fmt::format("only the first {} pictures are scored, as --n says", score.pictures));
  const std::uint64_t known = truth.named.empty() ? truth.table.pictures() : truth.named.size();
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

}  // namespace

Result<Score> score_results(const ScoreOptions& options) {
  SMLP_TRY(results, find_results(options.results));
  SMLP_TRY(truth, find_truth(options, results));
  if (!results.numbered && truth.named.empty() && !truth.imagenet &&
      truth.table.pictures() != std::max(results.files.size(), results.packed_stems.size())) {
    return score_error(
        results.folder,
        fmt::format("its {} results have names without numbers, and {} has {} labels: which is whose?",
                    std::max(results.files.size(), results.packed_stems.size()), truth.source, truth.table.pictures()),
        "give --data_root, where the names tell the classes");
  }
  Score score{.truth = truth.source, .warnings = {}};
  Scorer scorer(truth, options, score);
  SMLP_CHECK(results.packed ? score_packed(results, scorer) : score_files(results, truth, scorer));
  if (options.n && score.pictures < *options.n) {
    return score_error(results.folder,
                       fmt::format("{} pictures have results, --n asks for {}", score.pictures, *options.n),
                       fmt::format("finish the run with infer --resume, or give --n {}", score.pictures));
  }
  const std::size_t files = std::max(results.files.size(), results.packed_stems.size());
  warn(scorer, truth, options, options.n && files > score.pictures, score);
  return score;
}

}  // namespace smlp
