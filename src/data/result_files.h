// What `infer` writes: logits, a file an input or all in one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "data/run_record.h"

namespace smlp {

enum class ResultFormat { npy, bin, txt };

std::string_view result_extension(ResultFormat format);  // ".npy", ".bin", ".txt"

// "batch-00000_0.npy": the input's stem, the index of the network's output (it has one), the format.
std::string result_name(std::string_view stem, ResultFormat format);

// A whole result file of rows x classes logits: an array (rows, classes), raw float32, or `%f` with a row a line.
std::string result_bytes(ResultFormat format, std::span<const float> logits, int classes);

constexpr const char* kPackedResult = "packed_0.npy";
constexpr const char* kPackedNames = "packed_names.tsv";  // a line a row: input's stem, tab, row within the input

// All logits of a run in one array (rows, classes), in the order of the inputs. It grows under a hidden name and is
// renamed when it is finished. The run's record says which rows it holds, with their hashes.
class PackedWriter {
 public:
  // Goes on after those of `record`'s rows that are really there (the record forgets the others), or starts anew.
  static Result<PackedWriter> open(const PathAt& folder, int classes, RunRecord& record);

  // `logits` are none for a broken input. Gives what the record has to say of them.
  Result<RecordedRows> append(std::string_view stem, std::span<const float> logits);

  // Gives the array and the list of names their final names, after the record lists them.
  Result<void> finish(std::span<const RecordedRows> rows, RunRecordWriter& record);

 private:
  PackedWriter(PathAt folder, int classes) : folder_(std::move(folder)), classes_(classes) {}
  Result<std::size_t> whole_rows(std::span<const RecordedRows> rows);

  PathAt folder_;
  int classes_;
  FileHandle data_;
  std::int64_t rows_ = 0;
};

// Where the array of a packed run grows.
PathAt packed_part(const PathAt& folder);

}  // namespace smlp
