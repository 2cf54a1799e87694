#include "data/inputs.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/natural_order.h"
#include "base/open_file.h"
#include "base/sha256.h"
#include "data/archive_pictures.h"
#include "data/bin_labels.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> input_error(const std::string& where, std::string what, std::string remedy) {
  return fail(Error{.what = std::move(what), .file = where, .remedy = std::move(remedy)});
}

std::string_view last_part(std::string_view name) { return name.substr(name.find_last_of('/') + 1); }

// Bytes of `folder` and the slash behind it, at the start of the paths below it.
std::size_t prefix_of(const fs::path& folder) {
  const std::string& text = folder.native();
  return text.size() + (text.ends_with('/') ? 0 : 1);
}

bool looks_like_list(const fs::path& path) {
  const std::string extension = path.extension().string();
  constexpr const char* kLists[] = {".txt", ".lst", ".csv", ".tsv"};
  return std::ranges::find(kLists, extension) != std::end(kLists) &&
         !is_picture_start(read_start(path, 8).value_or(""));
}

InputKind kind_of_file(const fs::path& path) {
  const std::string_view name = path.native();
  if (name.ends_with(".bin") || name.ends_with(".BIN")) return InputKind::bin;
  if (name.ends_with(".npy") || name.ends_with(".NPY")) return InputKind::npy;
  return InputKind::picture;  // whoever decodes it says what it is not
}

void warn_of_end(const TarArchive& archive, std::vector<std::string>& warnings) {
  const std::string name = archive.path().string();
  if (!archive.has_end()) {
    warnings.push_back(fmt::format("{}: no block of zeros ends the archive: it may be cut off", name));
  }
  if (archive.has_more()) {
    warnings.push_back(fmt::format(
        "{}: what follows the archive's end is not read: archives that were joined with cat are given one by one",
        name));
  }
}

}  // namespace

std::string Input::name() const {
  return archive ? archive->path().string() + ":" + archive->members()[member].name : file.string();
}

std::string Input::own_name() const {
  if (archive) return archive->path().filename().string() + ":" + archive->members()[member].name;
  return file.native().substr(own_from);
}

std::string Input::stem() const {
  const std::string_view name = last_part(archive ? archive->members()[member].name : file.native());
  return std::string(name.substr(0, name.find('.')));
}

FileStamp Input::stamp() const {
  if (!archive) return stamp_by_name(file);
  return {.bytes = archive->members()[member].bytes, .mtime_ns = archive->stamp().mtime_ns};
}

Result<void> InputLister::add(std::string_view word) {
  SMLP_TRY(named, input_paths(word));
  inputs_.files.reserve(inputs_.files.size() + named.paths.size());
  for (const NamedPath& path : named.paths) SMLP_CHECK(add_path(path, named.list));
  return {};
}

Result<void> InputLister::add_path(const NamedPath& named, const std::string& list) {
  std::error_code code;
  const fs::file_status status = fs::status(named.path, code);
  const bool folder = fs::is_directory(status);
  if (named.line == 0 && fs::is_regular_file(status) && looks_like_list(named.path)) {
    return input_error(named.path.string(), "is a text file, not a picture",
                       fmt::format("if it is a list of paths, give @{}", named.path.string()));
  }
  const bool archive = !folder && looks_like_tar(named.path);
  if ((folder || archive) && !named.label.empty()) {
    return input_error(list, fmt::format("line {} gives a label to {}", named.line, folder ? "a folder" : "an archive"),
                       "a label is for one picture");
  }
  if (folder) return use_ == LabelUse::required ? add_image_folder(named.path) : add_folder(named.path);
  if (archive) return add_archive(named.path);
  Input input{.file = named.path, .kind = kind_of_file(named.path)};
  if (!named.label.empty() && use_ != LabelUse::none) input.label = label_of(named.label, LabelSource::list, list);
  inputs_.files.push_back(std::move(input));
  return {};
}

Result<void> InputLister::add_folder(const fs::path& folder) {
  SMLP_TRY(found, list_folder(folder));
  for (FoundFile& file : found.files) {
    inputs_.files.push_back({.file = std::move(file.path), .kind = file.kind, .own_from = prefix_of(folder)});
  }
  for (const fs::path& other : found.others) inputs_.left_out.add(1, other.string());
  for (const fs::path& archive : found.archives) inputs_.left_out.add(1, archive.string());
  if (!found.files.empty()) return {};
  if (!found.archives.empty()) {
    return input_error(folder.string(),
                       fmt::format("the folder holds no picture, but {} archives", found.archives.size()),
                       fmt::format("name the archives, such as {}", found.archives.front().string()));
  }
  return input_error(folder.string(), "the folder holds no picture",
                     "JPEG and PNG files, .bin and .npy are looked for, in subfolders too");
}

Result<void> InputLister::add_image_folder(const fs::path& folder) {
  if (const auto bins = list_bins(folder); bins && !bins->empty()) return add_bins(folder, *bins);
  SMLP_TRY(data, read_image_folder(folder));
  if (!torchvision_order_) {
    std::ranges::stable_sort(
        data.pictures, [](const fs::path& a, const fs::path& b) { return natural_less(a.native(), b.native()); },
        &LabelledPicture::file);
  }
  std::vector<int> index;
  index.reserve(data.classes.size());
  for (const std::string& name : data.classes)
    index.push_back(label_of(name, LabelSource::folders, data.root.string()));
  for (LabelledPicture& picture : data.pictures) {
    inputs_.files.push_back({.file = std::move(picture.file),
                             .label = index[static_cast<std::size_t>(picture.label)],
                             .own_from = prefix_of(folder)});
  }
  for (const fs::path& other : data.others) inputs_.left_out.add(1, other.string());
  for (std::string& name : data.empty_classes) inputs_.empty_labels.push_back(std::move(name));
  return {};
}

// The labels of preprocess are positions of class folders, whose names it kept; those of other tools are numbers of
// classes.
Result<void> InputLister::add_bins(const fs::path& folder, std::span<const Bin> bins) {
  SMLP_TRY(known, find_bin_labels(folder));
  if (known.source.empty()) {
    return input_error(folder.string(), fmt::format("its bins have no labels: {}", known.missing),
                       "give the pictures themselves, or let smlp preprocess make the bins");
  }
  const bool named = !known.folder_of_label.empty();
  const LabelSource source = named ? LabelSource::folders : LabelSource::bins;
  for (const Bin& bin : bins) {
    Input input{.file = bin.path, .kind = InputKind::bin, .own_from = prefix_of(folder)};
    for (const std::int64_t label : known.of_batch[bin.batch]) {
      const std::string word = named ? known.folder_of_label.at(label) : fmt::to_string(label);
      input.row_labels.push_back(label_of(word, source, known.source));
    }
    inputs_.files.push_back(std::move(input));
  }
  return {};
}

Result<void> InputLister::add_archive(const fs::path& path) {
  SMLP_TRY(opened, TarArchive::open(path));
  const auto archive = std::make_shared<const TarArchive>(std::move(opened));
  SMLP_TRY(listing, list_archive(*archive));
  if (listing.pictures.empty()) {
    return input_error(path.string(), fmt::format("none of its {} members is a picture", archive->members().size()),
                       "JPEG and PNG members are looked for, and those named as pictures");
  }
  warn_of_end(*archive, inputs_.warnings);
  if (!listing.others.empty()) {
    const TarMember& first = archive->members()[listing.others.front()];
    inputs_.left_out.add(listing.others.size(), path.string() + ":" + first.name);
  }
  SMLP_TRY(reader, archive->reader());
  inputs_.files.reserve(inputs_.files.size() + listing.pictures.size());
  for (const ArchivePicture& picture : listing.pictures) {
    Input input{.archive = archive, .member = picture.member};
    if (use_ != LabelUse::none && picture.label_member) {
      auto label = read_sample_label(*archive, *reader, *picture.label_member);
      // Where nobody needs labels, a .json of captions is no reason to stop.
      if (!label && (use_ == LabelUse::required || label.error().transient)) return fail(std::move(label).error());
      if (label) input.label = label_of(*label, LabelSource::shards, path.string());
    } else if (use_ == LabelUse::required && !listing.shard) {
      const std::string_view folder = folder_of_member(archive->members()[picture.member].name);
      if (!folder.empty()) input.label = label_of(folder, LabelSource::folders, path.string());
    }
    inputs_.files.push_back(std::move(input));
  }
  return {};
}

int InputLister::label_of(std::string_view word, LabelSource source, const std::string& origin) {
  if (inputs_.label_origin.empty()) inputs_.label_origin = origin;
  LabelSource& known = inputs_.label_source;
  if (known != source) known = known == LabelSource::none ? source : LabelSource::several;
  const auto [at, is_new] = label_index_.try_emplace(std::string(word), static_cast<int>(inputs_.labels.size()));
  if (is_new) inputs_.labels.emplace_back(word);
  return at->second;
}

Result<Inputs> InputLister::finish() {
  if (use_ == LabelUse::required) {
    const auto bare = std::ranges::find_if(inputs_.files, [](const Input& input) { return input.labels().empty(); });
    if (bare != inputs_.files.end()) {
      if (!bare->archive) SMLP_CHECK(check_regular(bare->file));  // a name that is mistyped is no lack of labels
      return input_error(bare->name(), "has no label",
                         "give a folder per class, a list with lines of `path label`, or a tar with class folders or "
                         ".cls members");
    }
  }
  // Sorted, as torchvision sorts class folders, so that the position of a folder means the same here.
  std::vector<int> order(inputs_.labels.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {},
                    [&](int i) -> const std::string& { return inputs_.labels[static_cast<std::size_t>(i)]; });
  std::vector<int> place(order.size());
  std::vector<std::string> sorted;
  for (const int old : order) {
    place[static_cast<std::size_t>(old)] = static_cast<int>(sorted.size());
    sorted.push_back(std::move(inputs_.labels[static_cast<std::size_t>(old)]));
  }
  inputs_.labels = std::move(sorted);
  for (Input& input : inputs_.files) {
    if (input.label >= 0) input.label = place[static_cast<std::size_t>(input.label)];
    for (int& label : input.row_labels) label = place[static_cast<std::size_t>(label)];
  }
  return std::move(inputs_);
}

std::string inputs_sha256(const Inputs& inputs) {
  std::string text;
  for (const Input& input : inputs.files) {
    text += input.own_name();
    text += '\0';
    const char* between = "";
    for (const int label : input.labels()) {
      text += std::exchange(between, " ") + inputs.labels[static_cast<std::size_t>(label)];
    }
    text += '\n';
  }
  return sha256_of(std::as_bytes(std::span(text)));
}

std::size_t picture_count(std::span<const Input> inputs) {
  std::size_t count = 0;
  for (const Input& input : inputs) count += static_cast<std::size_t>(input.rows);
  return count;
}

Result<void> keep_first(std::vector<Input>& inputs, std::size_t limit) {
  std::size_t pictures = 0, kept = 0;
  for (; kept < inputs.size() && pictures < limit; ++kept) pictures += static_cast<std::size_t>(inputs[kept].rows);
  if (pictures > limit) {
    const Input& last = inputs[kept - 1];
    const std::size_t before = pictures - static_cast<std::size_t>(last.rows);
    return input_error(
        last.name(), fmt::format("holds {} pictures, and --limit {} ends within them", last.rows, limit),
        before > 0 ? fmt::format("give --limit {} or {}", before, pictures) : fmt::format("give --limit {}", pictures));
  }
  inputs.resize(kept);
  return {};
}

std::string left_out_text(const LeftOut& left_out) {
  return left_out.count == 1
             ? fmt::format("1 file is no input and left out: {}", left_out.first)
             : fmt::format("{} files are no inputs and left out, the first is {}", left_out.count, left_out.first);
}

}  // namespace smlp
