// What `infer` writes: logits, a file an input or all in one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"

namespace smlp {

enum class ResultFormat { npy, bin, txt };

std::string_view result_extension(ResultFormat format);  // ".npy", ".bin", ".txt"

// "batch-00000_0.npy": the input's stem, the index of the network's output (it has one), the format.
std::string result_name(std::string_view stem, ResultFormat format);

// A whole result file of rows x classes logits: an array (rows, classes), raw float32, or `%f` with a row a line.
std::string result_bytes(ResultFormat format, std::span<const float> logits, int classes);

// True where the file is there and of the size it must have (of text, only that it is there).
bool is_whole_result(const std::filesystem::path& path, ResultFormat format, int rows, int classes);

constexpr const char* kPackedResult = "packed_0.npy";
constexpr const char* kPackedNames = "packed_names.tsv";  // a line a row: input's stem, tab, row within the input

// All logits of a run in one array (rows, classes), in the order of the inputs. It grows under hidden names and is
// renamed when finished; a killed run goes on from its last whole input.
class PackedWriter {
 public:
  // Goes on with what is there, or starts anew.
  static Result<PackedWriter> open(const std::filesystem::path& folder, int classes, bool resume);

  // Inputs of an earlier run, in order: their stems, with the rows each gave (0: it was broken).
  struct Done {
    std::string stem;
    int rows;
  };
  const std::vector<Done>& done() const { return done_; }

  Result<void> append(std::string_view stem, std::span<const float> logits);  // none for a broken input
  Result<void> finish(Existing existing);

 private:
  PackedWriter(std::filesystem::path folder, int classes) : folder_(std::move(folder)), classes_(classes) {}
  Result<void> read_done();
  std::filesystem::path part(const char* name) const;

  std::filesystem::path folder_;
  int classes_;
  FileHandle data_, names_;
  std::int64_t rows_ = 0;
  std::vector<Done> done_;
};

// What decides whether a run may go on in a folder: kept there in a hidden file.
struct RunIdentity {
  std::string model_sha256, precision, inputs_sha256, format;
  bool packed = false;
  int classes = 0;

  bool operator==(const RunIdentity&) const = default;
};

Result<void> write_identity(const std::filesystem::path& folder, const RunIdentity& identity);
// Nothing where no run of ours worked in the folder.
Result<std::optional<RunIdentity>> read_identity(const std::filesystem::path& folder);

// Deletes the results of an earlier run: the files that have names as above.
Result<void> remove_results(const std::filesystem::path& folder);

}  // namespace smlp
