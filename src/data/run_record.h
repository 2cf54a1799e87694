// The record that a run of `infer` keeps in its folder, `.smlp-run.jsonl`: what decides whether the run may be resumed,
// and every file that it wrote, with size and hash.
//
//   {"smlp_run":1,"identity":{...},"provenance":{...}}
//   {"file":"batch-00000_0.npy","bytes":168,"sha256":"..."}     written before the file gets its name
//   {"stem":"batch-00000","rows":1,"sha256":"..."}              rows appended to a packed array, after them
//   {"keep":3}                                                  of the rows above only these are really there
//   {"finished":true}
//
// A file that the record does not list is not ours.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/line_journal.h"
#include "data/run_identity.h"

namespace smlp {

constexpr const char* kRunRecord = ".smlp-run.jsonl";

struct RecordedFile {
  std::uint64_t bytes = 0;
  std::string sha256;

  bool operator==(const RecordedFile&) const = default;
};

// How a file stands to the record: `whole` is the last version that the record lists, `earlier` one before it.
enum class FileState { absent, whole, earlier, changed, foreign };

struct RecordedRows {
  std::string stem;
  int rows = 0;  // 0: the input could not be read
  std::string sha256;
};

struct RunRecord {
  RunIdentity identity;
  std::string provenance;                                  // a JSON object
  std::map<std::string, std::vector<RecordedFile>> files;  // by the path relative to the folder: versions, newest last
  std::vector<RecordedRows> rows;                          // of a packed run, in order
  bool finished = false;
  JournalLines lines;

  Result<FileState> state_of(const std::filesystem::path& folder, const std::string& name) const;
};

// Nothing where no run of ours worked in the folder. Errors: a record whose first line is damaged or of another format.
Result<std::optional<RunRecord>> read_run_record(const std::filesystem::path& folder);

class RunRecordWriter {
 public:
  static Result<RunRecordWriter> create(const PathAt& folder, const RunIdentity& identity,
                                        const std::string& provenance);
  static Result<RunRecordWriter> reopen(const PathAt& folder, const RunRecord& record);

  Result<void> add(const std::string& name, const RecordedFile& file);
  Result<void> add(const RecordedRows& rows);
  Result<void> keep_rows(std::size_t count);
  Result<void> check_there() const { return journal_.check_there(); }
  Result<void> finish();

 private:
  explicit RunRecordWriter(LineJournal journal) : journal_(std::move(journal)) {}
  LineJournal journal_;
};

}  // namespace smlp
