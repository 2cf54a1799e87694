#include "tasks/input_labels.h"

#include <map>

#include "data/bin_folder.h"
#include "data/bin_labels.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

// The labels of all folders that the inputs lie in.
class LabelFinder {
 public:
  // Empty, with `missing` set, where this file's labels are not known.
  Result<std::vector<std::int64_t>> find(const InputFile& file, InputManifest& manifest) {
    const auto number = batch_number(file.path.stem().string());
    if (file.kind != InputKind::bin || !number) {
      manifest.missing = fmt::format("{} has no label", file.path.string());
      return std::vector<std::int64_t>();
    }
    const fs::path folder = file.path.has_parent_path() ? file.path.parent_path() : ".";
    if (!folders_.contains(folder)) {
      SMLP_TRY(labels, find_bin_labels(folder));
      folders_.emplace(folder, std::move(labels));
    }
    const BinLabels& labels = folders_.at(folder);
    const auto at = labels.of_batch.find(*number);
    if (at != labels.of_batch.end() && std::ssize(at->second) == file.rows) {
      manifest.truth = labels.source;
      return at->second;
    }
    manifest.missing = labels.source.empty() ? labels.missing
                                             : fmt::format("{} does not fit {}, which holds {} pictures", labels.source,
                                                           file.path.string(), file.rows);
    return std::vector<std::int64_t>();
  }

 private:
  std::map<fs::path, BinLabels> folders_;
};

}  // namespace

Result<InputManifest> describe_inputs(std::span<const InputFile> files) {
  InputManifest manifest;
  LabelFinder finder;
  for (const InputFile& file : files) {
    InputRecord record{.file = file.path.string(), .stem = file.stem(), .rows = file.rows};
    if (manifest.missing.empty()) {
      SMLP_TRY(labels, finder.find(file, manifest));
      record.labels = std::move(labels);
    }
    manifest.inputs.push_back(std::move(record));
  }
  if (!manifest.missing.empty()) {  // labels of some inputs only would score those and leave out the others
    manifest.truth.clear();
    for (InputRecord& record : manifest.inputs) record.labels.clear();
  }
  return manifest;
}

}  // namespace smlp
