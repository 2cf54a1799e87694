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
  LabelFinder(const Inputs& inputs, int classes, const ClassList& list)
      : inputs_(inputs), classes_(classes), list_(list) {
    if (inputs.labels.empty()) return;
    auto map = map_labels(inputs.labels, classes, list, std::nullopt, LabelWords::labels);
    if (map) {
      map_ = std::move(*map);
    } else {
      why_no_map_ = std::move(map).error().message();
    }
  }

  // Empty, with `missing` set, where this file's labels are not known.
  Result<std::vector<std::int64_t>> find(const Input& file, InputManifest& manifest) {
    if (file.label >= 0) return label_of_picture(file, manifest);
    const auto number = batch_number(file.file.stem().string());
    if (file.kind != InputKind::bin || !number) {
      manifest.missing = fmt::format("{} has no label", file.name());
      return std::vector<std::int64_t>();
    }
    const fs::path folder = file.file.has_parent_path() ? file.file.parent_path() : ".";
    if (!folders_.contains(folder)) {
      SMLP_TRY(labels, find_bin_labels(folder));
      if (!labels.folder_of_label.empty()) name_classes(labels);
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
                                                           file.name(), file.rows);
    return std::vector<std::int64_t>();
  }

 private:
  // Turns positions of class folders into the model's classes, or forgets them where that is not known.
  void name_classes(BinLabels& labels) const {
    std::vector<std::string> names;
    names.reserve(labels.folder_of_label.size());
    for (const auto& [label, folder] : labels.folder_of_label) names.push_back(folder);
    const auto map = map_labels(names, classes_, list_);
    if (!map) {
      labels = {.source = {}, .missing = fmt::format("{}: {}", labels.source, map.error().message()), .of_batch = {}};
      return;
    }
    std::map<std::int64_t, int> class_of_label;
    for (const auto& [label, folder] : labels.folder_of_label) {
      class_of_label.emplace(label, map->class_of_folder[class_of_label.size()]);
    }
    for (auto& [batch, of_pictures] : labels.of_batch) {
      for (std::int64_t& label : of_pictures) label = class_of_label.at(label);
    }
    labels.source += fmt::format(" (class folders by {})", label_rule_name(map->rule));
  }

  std::vector<std::int64_t> label_of_picture(const Input& file, InputManifest& manifest) const {
    if (!map_) {
      manifest.missing = why_no_map_;
      return {};
    }
    manifest.truth = fmt::format("{} (labels by {})", inputs_.label_origin, label_rule_name(map_->rule));
    return {map_->class_of_folder[static_cast<std::size_t>(file.label)]};
  }

  const Inputs& inputs_;
  int classes_;
  const ClassList& list_;
  std::optional<LabelMap> map_;
  std::string why_no_map_;
  std::map<fs::path, BinLabels> folders_;
};

}  // namespace

Result<InputManifest> describe_inputs(const Inputs& inputs, int classes, const ClassList& list) {
  InputManifest manifest{.truth = {}, .missing = {}, .inputs = {}, .classes = list};
  LabelFinder finder(inputs, classes, list);
  for (const Input& file : inputs.files) {
    InputRecord record{.file = file.name(), .stem = file.stem(), .rows = file.rows};
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
