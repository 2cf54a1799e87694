// The places of a run of `preprocess`.
#pragma once

#include <filesystem>
#include <string>

#include "data/bin_folder.h"
#include "data/image_folder.h"
#include "data/preprocess_journal.h"
#include "tasks/preprocess_folder.h"

namespace smlp {

// What is known before the first picture.
struct PreprocessRun {
  const PreprocessFolderOptions& options;
  ImageFolder folder;
  std::filesystem::path parent;  // of save_dir
  JournalHeader header = {};

  // Lists the pictures and makes the folder. Errors: no ImageFolder, a folder that cannot be made.
  static Result<PreprocessRun> open(const PreprocessFolderOptions& options);

  std::filesystem::path journal() const { return options.save_dir / kPreprocessJournal; }
  std::filesystem::path labels() const { return parent / kLabels; }
  std::filesystem::path manifest() const { return parent / kManifest; }
  std::filesystem::path bin(std::size_t batch) const { return bin_path(options.save_dir, batch); }
  std::string name(std::size_t picture) const;  // relative to data_root

  static constexpr const char* kLabels = "labels.npy";
  static constexpr const char* kManifest = "manifest.jsonl";
};

}  // namespace smlp
