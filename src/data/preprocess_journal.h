// How far a preprocessing run has come, so that a run that was killed goes on where it stopped.
//
// The journal is a file of JSON Lines beside the bins. Line 1 says what is being made:
//   {"smlp_preprocess":2,"batch_size":8,"pictures":1966,"listing_sha256":"...","resize":256,"crop":224,
//    "interpolation":"bicubic","mean":[...],"std":[...],"shard":"","first_bin":0,"provenance":{...}}
// then one line for each batch, appended when its bin is whole and just before it gets its name: the bin's size and
// time of change, the pictures that went into it and the broken ones met on the way, in the order of the listing, each
// as [bytes, mtime_ns, "sha256"] or [bytes, mtime_ns, "sha256", "error"]:
//   {"bin":[602112,1700000000000000000],"pictures":[[1234,1700000000000000000,"ab12..."], ...]}
// A last batch may hold broken pictures only. Then the hashes of the files that a complete run ends with:
//   {"endings":["...","..."]}
// A line that a kill cut off is no line. A bin or an ending that the journal does not list is not ours.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/open_file.h"
#include "smlp/preprocess.h"

namespace smlp {

struct JournalHeader {
  int batch_size = 1;
  std::uint64_t pictures = 0;       // of this part, broken ones included
  std::string listing_sha256 = {};  // of the paths and labels of all pictures
  Preprocess how = {};
  std::string shard = {};       // "2/4"; empty: the whole listing
  std::uint64_t first_bin = 0;  // number of the part's first bin

  bool operator==(const JournalHeader&) const = default;
};

struct PictureRecord {
  std::uint64_t bytes = 0;
  std::int64_t mtime_ns = 0;
  std::string sha256;  // empty where the file could not be read
  std::string error;   // empty for a picture that is in its bin

  bool broken() const { return !error.empty(); }
};

struct BatchRecord {
  std::vector<PictureRecord> pictures;
  FileStamp bin = {};  // zero where no picture is good

  std::uint64_t good() const;  // rows of the batch's bin
};

struct Journal {
  JournalHeader header = {};
  std::vector<BatchRecord> batches = {};
  std::vector<std::uint64_t> ends = {};   // byte after the line of each batch
  std::vector<std::string> endings = {};  // hashes of labels.npy and the manifest, of every time they were written
  std::uint64_t whole_end = 0;            // byte after the last line
  std::uint64_t header_end = 0;

  std::uint64_t recorded() const;  // pictures in all batches, broken ones included
  bool complete() const { return recorded() == header.pictures; }
  void keep_first(std::size_t count);  // forgets the batches after, and the endings
};

// No file gives nothing. A damaged line, and a file that is no journal, is an error.
Result<std::optional<Journal>> read_journal(const std::filesystem::path& path);

class JournalWriter {
 public:
  // Starts a journal, replacing any that is there. `provenance` is a JSON object that goes into its first line.
  static Result<JournalWriter> create(const PathAt& path, const JournalHeader& header,
                                      const std::string& provenance = "{}");
  // Goes on after what `journal` holds; what the file holds beyond is cut off.
  static Result<JournalWriter> reopen(const PathAt& path, const Journal& journal);

  Result<void> append(const BatchRecord& batch);
  Result<void> append_endings(std::span<const std::string> sha256);

 private:
  JournalWriter(std::filesystem::path path, FileHandle file) : path_(std::move(path)), file_(std::move(file)) {}
  Result<void> write(std::string_view line);

  std::filesystem::path path_;
  FileHandle file_;
};

}  // namespace smlp
