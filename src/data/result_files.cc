#include "data/result_files.h"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/file_map.h"
#include "base/open_file.h"
#include "base/sha256.h"
#include "data/npy.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

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

PathAt packed_part(const PathAt& folder) { return folder / fmt::format(".{}.part", kPackedResult); }

Result<PackedWriter> PackedWriter::open(const PathAt& folder, int classes, RunRecord& record) {
  PackedWriter writer(folder, classes);
  const PathAt part = packed_part(folder);
  const bool is_there = !record.rows.empty() && name_is_taken(part);
  SMLP_TRY(data, is_there ? reopen_own(part) : create_own(part));
  writer.data_ = std::move(data);
  SMLP_TRY(whole, is_there ? writer.whole_rows(record.rows) : Result<std::size_t>(0));
  record.rows.resize(whole);
  for (const RecordedRows& input : record.rows) writer.rows_ += input.rows;
  const auto header = packed_header(0, classes).size();
  const std::uint64_t end = header + static_cast<std::uint64_t>(writer.rows_) * static_cast<std::uint64_t>(classes) * 4;
  if (::ftruncate(writer.data_.get(), static_cast<off_t>(end)) != 0 || ::lseek(writer.data_.get(), 0, SEEK_END) < 0) {
    return system_error("write", errno, part.shown);
  }
  return writer;
}

// How many of the inputs have their rows in the array, with the hashes that were recorded. After a power cut the last
// ones may be missing or hold zeros.
Result<std::size_t> PackedWriter::whole_rows(std::span<const RecordedRows> rows) {
  SMLP_TRY(map, FileMap::open(packed_part(folder_).shown));
  const auto header = std::min(packed_header(0, classes_).size(), map->bytes().size());
  std::span<const std::byte> rest = map->bytes().subspan(header);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t bytes =
        static_cast<std::size_t>(rows[i].rows) * static_cast<std::size_t>(classes_) * sizeof(float);
    if (bytes > rest.size() || sha256_of(rest.first(bytes)) != rows[i].sha256) return i;
    rest = rest.subspan(bytes);
  }
  return rows.size();
}

Result<RecordedRows> PackedWriter::append(std::string_view stem, std::span<const float> logits) {
  SMLP_CHECK(write_all(data_, std::as_bytes(logits), packed_part(folder_).shown));
  const int rows = static_cast<int>(logits.size() / static_cast<std::size_t>(classes_));
  rows_ += rows;
  return RecordedRows{.stem = std::string(stem), .rows = rows, .sha256 = sha256_of(std::as_bytes(logits))};
}

Result<void> PackedWriter::finish(std::span<const RecordedRows> rows, RunRecordWriter& record) {
  std::string names;
  for (const RecordedRows& input : rows) {
    for (int row = 0; row < input.rows; ++row) names += fmt::format("{}\t{}\n", input.stem, row);
  }
  const PathAt part = packed_part(folder_), result = folder_ / kPackedResult;
  const std::string header = packed_header(rows_, classes_);
  if (::lseek(data_.get(), 0, SEEK_SET) < 0) return system_error("write", errno, part.shown);
  SMLP_CHECK(write_all(data_, std::as_bytes(std::span(header)), part.shown));
  if (::fsync(data_.get()) != 0) return system_error("write", errno, part.shown);
  SMLP_TRY(sha256, sha256_file(part.shown));
  const std::uint64_t bytes =
      header.size() + static_cast<std::uint64_t>(rows_) * static_cast<std::uint64_t>(classes_) * sizeof(float);
  SMLP_CHECK(record.add(kPackedNames, {.bytes = names.size(), .sha256 = sha256_of(std::as_bytes(std::span(names)))}));
  SMLP_CHECK(record.add(kPackedResult, {.bytes = bytes, .sha256 = sha256}));
  SMLP_CHECK(write_file(folder_ / kPackedNames, names, Existing::replace));
  if (::renameat(part.folder, part.name.c_str(), result.folder, result.name.c_str()) == 0) return {};
  return system_error("write", errno, result.shown);
}

}  // namespace smlp
