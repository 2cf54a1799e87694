#include "data/result_files.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/file_map.h"
#include "data/npy.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIdentity = ".smlp-infer.json";

Result<FileHandle> open_part(const fs::path& path, bool resume) {
  std::error_code missing;
  const bool is_there = fs::exists(fs::symlink_status(path, missing));
  return resume && is_there ? reopen_own(path) : create_own(path);
}

std::string packed_header(std::int64_t rows, int classes) {
  const std::array<std::int64_t, 2> shape = {rows, classes};
  return npy_header("<f4", shape);
}

std::string_view bytes_of(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

}  // namespace

std::string_view result_extension(ResultFormat format) {
  return format == ResultFormat::npy ? ".npy" : format == ResultFormat::bin ? ".bin" : ".txt";
}

std::string result_name(std::string_view stem, ResultFormat format) {
  return fmt::format("{}_0{}", stem, result_extension(format));
}

std::string result_bytes(ResultFormat format, std::span<const float> logits, int classes) {
  const std::size_t width = static_cast<std::size_t>(classes), rows = logits.size() / width;
  if (format == ResultFormat::bin) return std::string(bytes_of(logits));
  if (format == ResultFormat::npy) {
    const std::array shape = {static_cast<std::int64_t>(rows), static_cast<std::int64_t>(width)};
    return npy_header("<f4", shape) + std::string(bytes_of(logits));
  }
  std::string text;
  for (std::size_t row = 0; row < rows; ++row) {
    text += fmt::format("{:f}\n", fmt::join(logits.subspan(row * width, width), " "));
  }
  return text;
}

bool is_whole_result(const fs::path& path, ResultFormat format, int rows, int classes) {
  std::error_code code;
  if (!fs::is_regular_file(path, code)) return false;
  std::uint64_t bytes = static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(classes) * sizeof(float);
  if (format == ResultFormat::npy) bytes += packed_header(rows, classes).size();
  const std::uint64_t size = fs::file_size(path, code);
  return !code && (format == ResultFormat::txt ? size > 0 : size == bytes);
}

fs::path PackedWriter::part(const char* name) const { return folder_ / fmt::format(".{}.part", name); }

Result<PackedWriter> PackedWriter::open(const fs::path& folder, int classes, bool resume) {
  PackedWriter writer(folder, classes);
  SMLP_TRY(data, open_part(writer.part(kPackedResult), resume));
  writer.data_ = std::move(data);
  SMLP_TRY(names, open_part(writer.part(kPackedNames), resume));
  writer.names_ = std::move(names);
  SMLP_CHECK(writer.read_done());
  return writer;
}

// The list of names is written after the rows it speaks of, so that every whole line in it has its rows. A line is
// "stem<TAB>rows"; finish() turns it into a line a row.
Result<void> PackedWriter::read_done() {
  SMLP_TRY(map, FileMap::open(part(kPackedNames)));
  const std::string_view text(reinterpret_cast<const char*>(map->bytes().data()), map->bytes().size());
  const auto header = static_cast<off_t>(packed_header(0, classes_).size());
  const off_t row_bytes = static_cast<off_t>(classes_) * static_cast<off_t>(sizeof(float));
  const off_t there = ::lseek(data_.get(), 0, SEEK_END);
  std::size_t start = 0;
  for (std::size_t end; (end = text.find('\n', start)) != std::string_view::npos; start = end + 1) {
    const std::string_view line = text.substr(start, end - start);
    const std::size_t tab = line.rfind('\t');
    const int rows = tab == std::string_view::npos ? -1 : std::atoi(std::string(line.substr(tab + 1)).c_str());
    if (rows < 0 || header + (rows_ + rows) * row_bytes > there) break;  // as after a power cut
    done_.push_back({std::string(line.substr(0, tab)), rows});
    rows_ += rows;
  }
  const off_t data_end = header + rows_ * row_bytes;
  if (::ftruncate(names_.get(), static_cast<off_t>(start)) != 0 || ::lseek(names_.get(), 0, SEEK_END) < 0) {
    return system_error("write", errno, part(kPackedNames));
  }
  if (::ftruncate(data_.get(), data_end) != 0 || ::lseek(data_.get(), 0, SEEK_END) < 0) {
    return system_error("write", errno, part(kPackedResult));
  }
  return {};
}

Result<void> PackedWriter::append(std::string_view stem, std::span<const float> logits) {
  SMLP_CHECK(write_all(data_, std::as_bytes(logits), part(kPackedResult)));
  const int rows = static_cast<int>(logits.size() / static_cast<std::size_t>(classes_));
  const std::string line = fmt::format("{}\t{}\n", stem, rows);
  SMLP_CHECK(write_all(names_, std::as_bytes(std::span(line)), part(kPackedNames)));
  done_.push_back({std::string(stem), rows});
  rows_ += rows;
  return {};
}

Result<void> PackedWriter::finish(Existing existing) {
  std::string names;
  for (const Done& input : done_) {
    for (int row = 0; row < input.rows; ++row) names += fmt::format("{}\t{}\n", input.stem, row);
  }
  const std::string header = packed_header(rows_, classes_);
  if (::lseek(data_.get(), 0, SEEK_SET) < 0) return system_error("write", errno, part(kPackedResult));
  SMLP_CHECK(write_all(data_, std::as_bytes(std::span(header)), part(kPackedResult)));
  if (::fsync(data_.get()) != 0) return system_error("write", errno, part(kPackedResult));
  SMLP_CHECK(write_file(folder_ / kPackedNames, names, existing));
  std::error_code code;
  fs::rename(part(kPackedResult), folder_ / kPackedResult, code);
  if (code) return system_error("write", code.value(), folder_ / kPackedResult);
  fs::remove(part(kPackedNames), code);
  return {};
}

Result<void> write_identity(const fs::path& folder, const RunIdentity& identity) {
  const nlohmann::ordered_json json = {{"smlp_infer", 1},
                                       {"model_sha256", identity.model_sha256},
                                       {"precision", identity.precision},
                                       {"inputs_sha256", identity.inputs_sha256},
                                       {"format", identity.format},
                                       {"packed", identity.packed},
                                       {"classes", identity.classes}};
  return write_file(folder / kIdentity, json.dump() + "\n", Existing::replace);
}

Result<std::optional<RunIdentity>> read_identity(const fs::path& folder) {
  std::error_code missing;
  const fs::path path = folder / kIdentity;
  if (!fs::exists(path, missing)) return std::nullopt;
  SMLP_TRY(map, FileMap::open(path));
  try {
    const auto json = nlohmann::json::parse(reinterpret_cast<const char*>(map->bytes().data()),
                                            reinterpret_cast<const char*>(map->bytes().data()) + map->bytes().size());
    return RunIdentity{.model_sha256 = json.at("model_sha256"),
                       .precision = json.at("precision"),
                       .inputs_sha256 = json.at("inputs_sha256"),
                       .format = json.at("format"),
                       .packed = json.at("packed"),
                       .classes = json.at("classes")};
  } catch (const nlohmann::json::exception& error) {
    return fail(Error{.what = fmt::format("damaged record of a run: {}", error.what()),
                      .file = path.string(),
                      .remedy = "start over with --force"});
  }
}

Result<void> remove_results(const fs::path& folder) {
  std::vector<fs::path> ours = {folder / kIdentity, folder / kPackedNames,
                                folder / fmt::format(".{}.part", kPackedNames),
                                folder / fmt::format(".{}.part", kPackedResult)};
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end; entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    for (const auto format : {ResultFormat::npy, ResultFormat::bin, ResultFormat::txt}) {
      if (name.ends_with(result_name("", format))) ours.push_back(entry->path());
    }
  }
  if (code) return system_error("list", code.value(), folder);
  for (const fs::path& path : ours) {
    fs::remove(path, code);
    if (code) return system_error("delete", code.value(), path);
  }
  return {};
}

}  // namespace smlp
