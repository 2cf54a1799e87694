// The places of a run of `preprocess`.
#pragma once

#include <filesystem>
#include <string>

#include "base/path_at.h"
#include "data/bin_folder.h"
#include "data/inputs.h"
#include "data/preprocess_journal.h"
#include "tasks/preprocess_folder.h"

namespace smlp {

// About a file that is in the way of this run and not its own.
std::unexpected<Error> foreign_file(const std::filesystem::path& where, std::string what);

// What is known before the first picture.
struct PreprocessRun {
  const PreprocessFolderOptions& options;
  Inputs inputs;                          // of this part
  std::vector<std::int64_t> labels = {};  // of each picture, as labels.npy has it
  // save_dir and its parent, to write into: by name until they are locked, from then on the locked ones.
  PathAt folder, parent;
  std::uint64_t listed = 0;  // pictures of all parts
  JournalHeader header = {};

  // What the journal keeps of where the bins come from.
  Provenance provenance() const;

  // Lists the pictures and makes the folder. Labels are the numbers that a list or shard gives, or else the position of
  // the class folder, or of the word, in the order of the names. Errors: pictures without labels, prepared files, a
  // folder that cannot be made, a part without pictures.
  static Result<PreprocessRun> open(const PreprocessFolderOptions& options);

  PathAt journal() const { return folder / kPreprocessJournal; }
  PathAt labels_file() const { return parent / kLabels; }
  PathAt manifest_file() const { return parent / kManifest; }
  PathAt bin(std::size_t batch) const { return folder / bin_name(header.first_bin + batch); }

  static constexpr const char* kLabels = "labels.npy";
  static constexpr const char* kManifest = "manifest.jsonl";
};

}  // namespace smlp
