#include "data/result_folder.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>

#include "base/file_map.h"
#include "base/folder.h"
#include "base/natural_order.h"
#include "base/printable.h"
#include "data/bin_folder.h"
#include "data/npy.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

// "batch-00012_0.npy" -> its parts; nothing for a file that is no result of the network's first output.
std::optional<ResultFile> parse_name(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.starts_with('.') || name == kPackedResult) return std::nullopt;
  for (const auto format : {ResultFormat::npy, ResultFormat::bin, ResultFormat::txt}) {
    const std::string ending = result_name("", format);
    if (!name.ends_with(ending) || name.size() == ending.size()) continue;
    ResultFile file{.path = path, .stem = name.substr(0, name.size() - ending.size()), .number = {}, .format = format};
    file.number = batch_number(file.stem);
    return file;
  }
  return std::nullopt;
}

struct Listing {
  std::vector<ResultFile> files;
  std::vector<fs::path> subfolders;
  bool packed = false;
};

Result<Listing> list(const fs::path& folder) {
  Listing listing;
  SMLP_TRY(entries, folder_entries(folder));
  for (FolderEntry& entry : entries) {
    if (entry.is_folder()) {
      listing.subfolders.push_back(std::move(entry.path));
    } else if (auto file = parse_name(entry.path)) {
      listing.files.push_back(std::move(*file));
    } else {
      listing.packed = listing.packed || entry.path.filename() == kPackedResult;
    }
  }
  return listing;
}

std::unexpected<Error> folder_error(const fs::path& folder, std::string what, std::string remedy) {
  return fail(Error{.what = std::move(what), .file = folder.string(), .remedy = std::move(remedy)});
}

// The folder itself, or the only one below it that holds results.
Result<fs::path> locate(const fs::path& folder, Listing& listing) {
  if (listing.packed || !listing.files.empty()) return folder;
  std::vector<fs::path> candidates;
  Listing found;
  for (const fs::path& subfolder : listing.subfolders) {
    SMLP_TRY(below, list(subfolder));
    if (!below.packed && below.files.empty()) continue;
    candidates.push_back(subfolder);
    found = std::move(below);
  }
  if (candidates.empty()) {
    return folder_error(folder, "holds no results (files such as batch-00000_0.npy)",
                        "give the folder that infer wrote, or run it first");
  }
  if (candidates.size() > 1) {
    std::ranges::sort(candidates);
    return folder_error(folder, fmt::format("{} of its folders hold results", candidates.size()),
                        fmt::format("name one, such as {}", candidates.back().string()));
  }
  listing = std::move(found);
  return candidates.front();
}

Result<void> sort_files(ResultFolder& results) {
  auto& files = results.files;
  results.numbered = std::ranges::all_of(files, [](const auto& f) { return f.number.has_value(); });
  std::ranges::sort(files, [&](const ResultFile& a, const ResultFile& b) {
    if (results.numbered && a.number != b.number) return *a.number < *b.number;
    return natural_less(a.stem, b.stem);
  });
  for (std::size_t i = 1; i < files.size(); ++i) {
    const bool same = results.numbered ? files[i].number == files[i - 1].number : files[i].stem == files[i - 1].stem;
    if (same) {
      return folder_error(files[i].path, fmt::format("is the same result as {}", files[i - 1].path.filename().string()),
                          "keep one of the two");
    }
  }
  return {};
}

Result<std::vector<std::string>> read_packed_names(const fs::path& folder) {
  SMLP_TRY(map, FileMap::open(folder / kPackedNames));
  std::string_view text(reinterpret_cast<const char*>(map->bytes().data()), map->bytes().size());
  std::vector<std::string> stems;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    stems.emplace_back(text.substr(0, std::min(text.find('\t'), end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return stems;
}

Result<LogitRows> read_npy(std::span<const std::byte> bytes) {
  SMLP_TRY(array, NpyArray::parse(bytes));
  const auto& shape = array.shape();
  if (shape.empty() || array.elements() == 0) return fail("an array of shape ({})", fmt::join(shape, ", "));
  const std::int64_t rows = shape.size() == 1 ? 1 : shape[0];
  if (!std::in_range<int>(array.elements())) return fail("an array of {} numbers", array.elements());
  return LogitRows{.rows = static_cast<int>(rows),
                   .classes = static_cast<int>(array.elements() / rows),
                   .values = array.to_floats()};
}

Result<LogitRows> read_bin(std::span<const std::byte> bytes, int expected_rows, int classes) {
  const std::size_t floats = bytes.size() / sizeof(float);
  const std::size_t width = classes > 0         ? static_cast<std::size_t>(classes)
                            : expected_rows > 0 ? floats / static_cast<std::size_t>(expected_rows)
                                                : 0;
  if (!std::in_range<int>(floats)) return fail("{} numbers", floats);
  if (width == 0 || bytes.empty() || bytes.size() % (width * sizeof(float)) != 0) {
    return fail("{} bytes, no whole number of rows of {} float32 logits", bytes.size(), width);
  }
  LogitRows logits{.rows = static_cast<int>(floats / width), .classes = static_cast<int>(width), .values = {}};
  logits.values.resize(floats);
  std::memcpy(logits.values.data(), bytes.data(), bytes.size());
  return logits;
}

// A line of numbers with spaces, commas or tabs between.
constexpr std::string_view kBetween = " \t\r,";
Result<std::vector<float>> parse_line(std::string_view line, int number) {
  std::vector<float> values;
  while (true) {
    const auto start = line.find_first_not_of(kBetween);
    if (start == std::string_view::npos) return values;
    line.remove_prefix(start);
    float value = 0;
    const std::string_view word = line.substr(0, line.find_first_of(kBetween));
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (code != std::errc() || end != word.data() + word.size()) {
      return fail(Error{.what = fmt::format("line {}: '{}' is no number", number, shortened(word, 40)),
                        .remedy = "the file is damaged; run infer again"});
    }
    values.push_back(value);
    line.remove_prefix(word.size());
  }
}

Result<LogitRows> read_text(std::string_view text) {
  if (!std::in_range<int>(text.size())) return fail("{} bytes of text", text.size());
  LogitRows logits;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    SMLP_TRY(row, parse_line(text.substr(0, end), number));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.empty()) continue;
    if (logits.rows > 0 && static_cast<int>(row.size()) != logits.classes) {
      return fail("line {} has {} numbers, the lines before have {}", number, row.size(), logits.classes);
    }
    logits.classes = static_cast<int>(row.size());
    ++logits.rows;
    logits.values.insert(logits.values.end(), row.begin(), row.end());
  }
  if (logits.rows == 0) return fail("is empty");
  if (logits.classes == 1) std::swap(logits.rows, logits.classes);  // one picture, a number a line
  return logits;
}

}  // namespace

Result<ResultFolder> find_results(const fs::path& folder) {
  SMLP_TRY(listing, list(folder));
  SMLP_TRY(where, locate(folder, listing));
  ResultFolder results{.folder = where, .files = std::move(listing.files), .packed_stems = {}};
  if (const auto record = read_run_record(where); record && *record) results.classes = (*record)->identity.classes;
  if (!listing.packed) {
    SMLP_CHECK(sort_files(results));
    return results;
  }
  if (!results.files.empty()) {
    return folder_error(
        where, fmt::format("holds {} and {} as well", kPackedResult, results.files.front().path.filename().string()),
        "keep the results of one run in a folder");
  }
  results.packed = true;
  SMLP_TRY(stems, read_packed_names(where));
  results.packed_stems = std::move(stems);
  results.numbered =
      std::ranges::all_of(results.packed_stems, [](const auto& s) { return batch_number(s).has_value(); });
  results.files = {{.path = where / kPackedResult, .stem = "packed", .number = {}}};
  return results;
}

Result<void> check_gaps(const ResultFolder& results) {
  if (!results.numbered) return {};
  std::vector<std::uint64_t> numbers;
  for (const ResultFile& file : results.files) {
    if (file.number) numbers.push_back(*file.number);
  }
  for (const std::string& stem : results.packed_stems) {
    const std::uint64_t number = *batch_number(stem);
    if (numbers.empty() || numbers.back() != number) numbers.push_back(number);
  }
  for (std::uint64_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] == i) continue;
    const std::string stem = fmt::format("batch-{:05}", i);
    return folder_error(results.folder,
                        fmt::format("{} is missing ({} of {} are there)",
                                    results.packed ? stem : result_name(stem, results.files[i].format), numbers.size(),
                                    std::ranges::max(numbers) + 1),
                        "finish the run with infer --resume, or run it on all bins");
  }
  return {};
}

Result<LogitRows> read_logits(const ResultFile& file, int expected_rows, int classes) {
  const auto read = [&]() -> Result<LogitRows> {
    SMLP_TRY(map, FileMap::open(file.path));
    if (file.format == ResultFormat::npy) return read_npy(map->bytes());
    if (file.format == ResultFormat::bin) return read_bin(map->bytes(), expected_rows, classes);
    return read_text({reinterpret_cast<const char*>(map->bytes().data()), map->bytes().size()});
  };
  auto logits = read();
  if (!logits) return fail(std::move(logits).error().in(file.path.string()));
  return logits;
}

}  // namespace smlp
