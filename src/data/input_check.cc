#include "data/input_check.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>

#include "base/open_file.h"
#include "base/waiting.h"
#include "data/bin_folder.h"
#include "data/npy.h"
#include "data/preprocess_journal.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> input_error(const Input& input, std::string what, std::string remedy = {}) {
  return fail(Error{.what = std::move(what), .file = input.name(), .remedy = std::move(remedy)});
}

std::string picture_text(const InputSpec& spec) {
  return fmt::format("{} x {} x {} float32", spec.channels, spec.side, spec.side);
}

Result<void> check_rows(Input& file, std::uint64_t rows, const InputSpec& spec) {
  if (spec.max_rows > 0 && rows > static_cast<std::uint64_t>(spec.max_rows)) {
    return input_error(file,
                       fmt::format("{} bytes, {} pictures of {}; at most {} were expected ({} bytes)", file.bytes, rows,
                                   picture_text(spec), spec.max_rows,
                                   static_cast<std::uint64_t>(spec.max_rows) * spec.floats() * sizeof(float)),
                       fmt::format("if it really holds {} pictures, give --batchsize {}", rows, rows));
  }
  if (rows > static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
    return input_error(file, fmt::format("{} pictures; no file may hold so many", rows), "split it");
  }
  file.rows = static_cast<int>(rows);
  return {};
}

Result<void> check_bin(Input& file, const InputSpec& spec) {
  const std::uint64_t one = spec.floats() * sizeof(float);
  if (file.bytes == 0 || file.bytes % one != 0) {
    return input_error(file,
                       fmt::format("{} bytes; {} were expected ({}), or a whole multiple for several pictures",
                                   file.bytes, one, picture_text(spec)),
                       "make the bins again with smlp preprocess, for this model's picture size");
  }
  return check_rows(file, file.bytes / one, spec);
}

Result<void> check_npy(Input& file, const InputSpec& spec) {
  SMLP_TRY(header, read_npy_header(file.file, file.bytes));
  const std::vector<std::int64_t> one = {spec.channels, spec.side, spec.side};
  const auto& shape = header.shape;
  const bool single = shape == one;
  if (!single && (shape.size() != 4 || !std::equal(one.begin(), one.end(), shape.begin() + 1) || shape[0] == 0)) {
    return input_error(
        file, fmt::format("an array of shape ({}) ({} bytes); ({}, {}, {}) or (N, {}, {}, {}) was expected",
                          fmt::join(shape, ", "), file.bytes, spec.channels, spec.side, spec.side, spec.channels,
                          spec.side, spec.side));
  }
  return check_rows(file, single ? 1 : static_cast<std::uint64_t>(shape[0]), spec);
}

// Bins of one run hold equally many pictures; one that does not is of another size than the model's, or damaged.
Result<void> check_equal_rows(std::span<const Input> files) {
  const Input* first = nullptr;
  const Input* last = nullptr;
  for (const Input& file : files) {
    if (file.kind != InputKind::bin) continue;
    if (first == nullptr) first = &file;
    last = &file;
  }
  if (first == nullptr) return {};
  for (const Input& file : files) {
    if (file.kind != InputKind::bin || file.rows == first->rows) continue;
    if (&file == last && file.rows < first->rows) continue;
    return input_error(
        file, fmt::format("{} bytes, where {} has {}", file.bytes, first->file.filename().string(), first->bytes),
        "bins of one run hold equally many pictures, only the last may hold fewer");
  }
  return {};
}

std::string transform_text(const Preprocess& how) {
  return fmt::format("{} x {} pixels, resized from {} ({}), mean {}, deviation {}", how.crop, how.crop, how.resize,
                     interpolation_name(how.interpolation), fmt::join(how.mean, " "), fmt::join(how.std, " "));
}

// The journal beside the bins knows how they were made. Another size is an error, which the length of a file does not
// always show; for the rest many model files carry only an assumption, so that a difference is a warning.
Result<void> check_journals(std::span<const Input> files, const InputSpec& spec, std::vector<std::string>& warnings) {
  fs::path checked;
  for (const Input& file : files) {
    if (file.kind != InputKind::bin || file.file.parent_path() == checked) continue;
    checked = file.file.parent_path();
    const auto journal = read_journal(checked / kPreprocessJournal);
    if (!journal || !*journal) continue;
    if (!(*journal)->complete()) {
      return fail(Error{.what = fmt::format("smlp preprocess has dealt with {} of {} pictures here and has not ended",
                                            (*journal)->recorded(), (*journal)->header.pictures),
                        .file = checked.string(),
                        .remedy = "wait for it, or run it again: it goes on where it stopped"});
    }
    if ((*journal)->header.how == spec.how) continue;
    const Preprocess& made = (*journal)->header.how;
    const std::string what =
        fmt::format("its bins were made for {}; the model takes {}", transform_text(made), transform_text(spec.how));
    if (made.crop != spec.side) {
      return fail(Error{.what = what, .file = checked.string(), .remedy = "make them with smlp preprocess --model"});
    }
    warnings.push_back(fmt::format("{}: {}", checked.string(), what));
  }
  return {};
}

Result<void> check_one(Input& file, const InputSpec& spec) {
  SMLP_TRY(opened, open_regular(file.file));
  file.bytes = opened.stamp.bytes;
  file.mtime_ns = opened.stamp.mtime_ns;
  return file.kind == InputKind::bin ? check_bin(file, spec) : check_npy(file, spec);
}

Result<void> stat_picture(Input& input) {
  FileStamp stamp = {.bytes = 0, .mtime_ns = 0};
  if (input.archive) {
    stamp = input.stamp();
  } else {
    SMLP_TRY(named, check_regular(input.file));
    stamp = named;
  }
  input.bytes = stamp.bytes;
  input.mtime_ns = stamp.mtime_ns;
  return {};
}

// Opening may take long where there are many files.
template <class Chosen>
Result<void> check_files(std::span<Input> inputs, Chosen chosen, const std::function<Result<void>(Input&)>& check) {
  std::vector<std::size_t> index;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (chosen(inputs[i])) index.push_back(i);
  }
  return for_each_waiting(index.size(), [&](std::size_t i) { return check(inputs[index[i]]); });
}

}  // namespace

Result<void> check_prepared(std::span<Input> inputs, const InputSpec& spec, std::vector<std::string>& warnings) {
  SMLP_CHECK(check_files(
      inputs, [](const Input& input) { return input.kind != InputKind::picture; },
      [&](Input& input) { return check_one(input, spec); }));
  SMLP_CHECK(check_equal_rows(inputs));
  return check_journals(inputs, spec, warnings);
}

Result<void> check_pictures(std::span<Input> inputs, const InputSpec& spec) {
  const auto is_picture = [](const Input& input) { return input.kind == InputKind::picture; };
  if (const auto first = std::ranges::find_if(inputs, is_picture); first != inputs.end() && spec.channels != 3) {
    return input_error(*first, fmt::format("is a picture, and the model takes {} planes", spec.channels),
                       "give prepared .bin or .npy files");
  }
  return check_files(inputs, is_picture, stat_picture);
}

Result<void> check_result_names(std::span<const Input> files) {
  std::map<std::string, const Input*> seen;
  for (const Input& file : files) {
    const auto [at, is_new] = seen.emplace(file.stem(), &file);
    if (is_new) continue;
    return input_error(
        file, fmt::format("its result would be named {}_0, and so would that of {}", file.stem(), at->second->name()),
        "rename one, or run them one after the other");
  }
  return {};
}

}  // namespace smlp
