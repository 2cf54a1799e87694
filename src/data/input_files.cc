#include "data/input_files.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>

#include "base/natural_order.h"
#include "base/open_file.h"
#include "data/bin_folder.h"
#include "data/input_words.h"
#include "data/npy.h"
#include "data/picture_files.h"
#include "data/preprocess_journal.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

std::string lower_extension(const fs::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return extension;
}

std::unexpected<Error> input_error(const fs::path& path, std::string what, std::string remedy = {}) {
  return fail(Error{.what = std::move(what), .file = path.string(), .remedy = std::move(remedy)});
}

// A file that a folder offers as an input; nothing for one that is none (by its name, else by its first bytes).
std::optional<InputKind> kind_of(const fs::path& path) {
  const std::string extension = lower_extension(path);
  if (extension == ".bin") return InputKind::bin;
  if (extension == ".npy") return InputKind::npy;
  if (looks_like_picture(path)) return InputKind::picture;
  return std::nullopt;
}

Result<void> list_folder_into(const fs::path& folder, InputListing& listing) {
  SMLP_TRY(found, list_folder(folder));
  std::vector<fs::path> names = std::move(found.pictures);
  names.insert(names.end(), found.others.begin(), found.others.end());
  std::ranges::sort(names, [](const fs::path& a, const fs::path& b) { return natural_less(a.native(), b.native()); });
  const std::size_t before = listing.files.size();
  for (const fs::path& name : names) {
    if (const auto kind = kind_of(name)) {
      listing.files.push_back({.path = name, .kind = *kind});
    } else {
      listing.ignored.push_back(name);
    }
  }
  if (listing.files.size() > before) return {};
  return input_error(folder, "holds no .bin, .npy or picture", "subfolders were looked into too; check the path");
}

std::string picture_text(const InputSpec& spec) {
  return fmt::format("{} x {} x {} float32", spec.channels, spec.side, spec.side);
}

Result<void> check_rows(InputFile& file, std::uint64_t rows, const InputSpec& spec) {
  if (spec.max_rows > 0 && rows > static_cast<std::uint64_t>(spec.max_rows)) {
    return input_error(file.path,
                       fmt::format("{} bytes, {} pictures of {}; at most {} were expected ({} bytes)", file.bytes, rows,
                                   picture_text(spec), spec.max_rows,
                                   static_cast<std::uint64_t>(spec.max_rows) * spec.floats() * sizeof(float)),
                       fmt::format("if it really holds {} pictures, give --batchsize {}", rows, rows));
  }
  file.rows = static_cast<int>(rows);
  return {};
}

Result<void> check_bin(InputFile& file, const InputSpec& spec) {
  const std::uint64_t one = spec.floats() * sizeof(float);
  if (file.bytes == 0 || file.bytes % one != 0) {
    return input_error(file.path,
                       fmt::format("{} bytes; {} were expected ({}), or a whole multiple for several pictures",
                                   file.bytes, one, picture_text(spec)),
                       "make the bins again with smlp preprocess, for this model's picture size");
  }
  return check_rows(file, file.bytes / one, spec);
}

Result<void> check_npy(InputFile& file, const InputSpec& spec) {
  SMLP_TRY(header, read_npy_header(file.path, file.bytes));
  const std::vector<std::int64_t> one = {spec.channels, spec.side, spec.side};
  const auto& shape = header.shape;
  const bool single = shape == one;
  if (!single && (shape.size() != 4 || !std::equal(one.begin(), one.end(), shape.begin() + 1) || shape[0] == 0)) {
    return input_error(
        file.path, fmt::format("an array of shape ({}) ({} bytes); ({}, {}, {}) or (N, {}, {}, {}) was expected",
                               fmt::join(shape, ", "), file.bytes, spec.channels, spec.side, spec.side, spec.channels,
                               spec.side, spec.side));
  }
  return check_rows(file, single ? 1 : static_cast<std::uint64_t>(shape[0]), spec);
}

Result<void> check_picture(const InputFile& file, const InputSpec& spec) {
  if (spec.channels != 3) {
    return input_error(file.path, fmt::format("is a picture, and the model takes {} planes", spec.channels),
                       "give prepared .bin or .npy files");
  }
  SMLP_TRY(picture, starts_as_picture(file.path));
  if (picture) return {};
  return input_error(file.path, fmt::format("{} bytes, and neither a JPEG nor a PNG", file.bytes));
}

Result<void> check(InputFile& file, const InputSpec& spec) {
  SMLP_TRY(opened, open_regular(file.path));
  file.bytes = opened.stamp.bytes;
  file.mtime_ns = opened.stamp.mtime_ns;
  switch (file.kind) {
    case InputKind::bin:
      return check_bin(file, spec);
    case InputKind::npy:
      return check_npy(file, spec);
    case InputKind::picture:
      return check_picture(file, spec);
  }
  return {};
}

// Bins of one run hold equally many pictures; one that does not is of another size than the model's, or damaged.
Result<void> check_equal_rows(const std::vector<InputFile>& files) {
  const InputFile* first = nullptr;
  const InputFile* last = nullptr;
  for (const InputFile& file : files) {
    if (file.kind != InputKind::bin) continue;
    if (first == nullptr) first = &file;
    last = &file;
  }
  for (const InputFile& file : files) {
    if (file.kind != InputKind::bin || file.rows == first->rows) continue;
    if (&file == last && file.rows < first->rows) continue;
    return input_error(
        file.path, fmt::format("{} bytes, where {} has {}", file.bytes, first->path.filename().string(), first->bytes),
        "bins of one run hold equally many pictures, only the last may hold fewer");
  }
  return {};
}

Result<void> check_names(const std::vector<InputFile>& files) {
  std::map<std::string, const InputFile*> seen;
  for (const InputFile& file : files) {
    const auto [at, is_new] = seen.emplace(file.stem(), &file);
    if (is_new) continue;
    return input_error(
        file.path,
        fmt::format("its result would be named {}_0, and so would that of {}", file.stem(), at->second->path.string()),
        "rename one, or run them one after the other");
  }
  return {};
}

std::string transform_text(const Preprocess& how) {
  return fmt::format("{} x {} pixels, resized from {} ({}), mean {}, deviation {}", how.crop, how.crop, how.resize,
                     interpolation_name(how.interpolation), fmt::join(how.mean, " "), fmt::join(how.std, " "));
}

// The journal beside the bins knows how they were made. Another size is an error, which the length of a file does not
// always show; for the rest many model files carry only an assumption, so that a difference is a warning.
Result<void> check_journals(const InputSpec& spec, InputListing& listing) {
  fs::path checked;
  for (const InputFile& file : listing.files) {
    if (file.kind != InputKind::bin || file.path.parent_path() == checked) continue;
    checked = file.path.parent_path();
    const auto journal = read_journal(checked / kPreprocessJournal);
    if (!journal || !*journal || (*journal)->header.how == spec.how) continue;
    const Preprocess& made = (*journal)->header.how;
    const std::string what =
        fmt::format("its bins were made for {}; the model takes {}", transform_text(made), transform_text(spec.how));
    if (made.crop != spec.side) return input_error(checked, what, "make them with smlp preprocess --model");
    listing.warnings.push_back(fmt::format("{}: {}", checked.string(), what));
  }
  return {};
}

}  // namespace

std::string InputFile::stem() const {
  const std::string name = path.filename().string();
  return name.substr(0, name.find('.'));
}

Result<InputListing> list_inputs(std::string_view input, const InputSpec& spec) {
  InputListing listing;
  SMLP_TRY(parts, input_paths(input));
  for (const fs::path& part : parts) {
    std::error_code code;
    if (fs::is_directory(part, code)) {
      SMLP_CHECK(list_folder_into(part, listing));
    } else if (!fs::exists(part, code)) {
      return system_error("open", code ? code.value() : ENOENT, part);
    } else if (const auto kind = kind_of(part)) {
      listing.files.push_back({.path = part, .kind = *kind});
    } else {
      return input_error(part, "is no .bin, .npy or picture");
    }
  }
  for (InputFile& file : listing.files) SMLP_CHECK(check(file, spec));
  SMLP_CHECK(check_equal_rows(listing.files));
  SMLP_CHECK(check_names(listing.files));
  SMLP_CHECK(check_journals(spec, listing));
  return listing;
}

}  // namespace smlp
