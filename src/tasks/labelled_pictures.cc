#include "tasks/labelled_pictures.h"

#include <algorithm>

#include "base/sha256.h"
#include "base/waiting.h"

namespace smlp {
namespace {

// Many files are asked at once where the disk is slow.
std::vector<FileStamp> stamps_of(const std::vector<Input>& files) {
  std::vector<FileStamp> stamps(files.size());
  const auto ask = [&](std::size_t i) -> Result<void> {
    stamps[i] = files[i].stamp();
    return {};
  };
  if (for_each_waiting(files.size(), ask)) return stamps;
  for (std::size_t i = 0; i < files.size(); ++i) stamps[i] = files[i].stamp();  // no memory for threads
  return stamps;
}

void add(Sha256& hash, const std::string& text) { hash.update(std::as_bytes(std::span(text))); }

}  // namespace

std::string class_name(const ClassList& list, int index) {
  const auto i = static_cast<std::size_t>(index);
  return i < list.names.size() ? list.names[i] : fmt::format("class {}", index);
}

std::string_view label_source_name(LabelSource source) {
  constexpr std::string_view kNames[] = {"none", "folders", "list", "shards", "bins", "several"};
  return kNames[static_cast<int>(source)];
}

Result<LabelMap> map_labels_of(const Inputs& data, int classes, const ClassList& list,
                               std::optional<LabelRule> wanted) {
  const bool folders = data.label_source == LabelSource::folders;
  return map_labels(data.labels, classes, list, wanted, folders ? LabelWords::folders : LabelWords::labels);
}

Result<void> check_label_counts(std::span<const Input> inputs) {
  const auto wrong =
      std::ranges::find_if(inputs, [](const Input& input) { return input.rows != std::ssize(input.labels()); });
  if (wrong == inputs.end()) return {};
  return fail(
      Error{.what = fmt::format("holds {} pictures, and has labels for {}", wrong->rows, wrong->labels().size()),
            .file = wrong->name(),
            .remedy = "give the folder of bins as preprocess left it, with its labels, or the pictures"});
}

LabelledPictures labelled_pictures(const Inputs& data, const LabelMap& labels, const ClassList& list) {
  LabelledPictures out{.label_rule = std::string(label_rule_name(labels.rule)),
                       .label_source = std::string(label_source_name(data.label_source))};
  for (std::size_t label = 0; label < data.labels.size(); ++label) {
    const int index = labels.class_of_folder[label];
    out.classes.push_back({index, data.labels[label], class_name(list, index)});
  }
  std::ranges::stable_sort(out.classes, {}, &DataClass::index);
  const auto again = std::ranges::unique(out.classes, {}, &DataClass::index);  // two words for one class, in a list
  out.classes.erase(again.begin(), again.end());
  const std::vector<FileStamp> stamps = stamps_of(data.files);
  Sha256 everywhere, here;
  for (std::size_t i = 0; i < stamps.size(); ++i) {
    const Input& input = data.files[i];
    std::string line = input.own_name();
    line += '\0' + fmt::format("{}", stamps[i].bytes);
    for (const int word : input.labels()) {
      const int label = labels.class_of_folder[static_cast<std::size_t>(word)];
      out.labels.push_back(label);
      line += fmt::format(" {}", label);
    }
    add(everywhere, line + "\n");
    add(here, line + fmt::format(" {}\n", stamps[i].mtime_ns));
  }
  out.list_sha256 = everywhere.hex();
  out.identity_sha256 = here.hex();
  return out;
}

}  // namespace smlp
