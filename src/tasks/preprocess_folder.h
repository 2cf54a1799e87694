// The guide's first step: an ImageFolder -> batch-00000.bin, batch-00001.bin, ..., labels.npy and a manifest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/result.h"
#include "data/shard.h"
#include "smlp/preprocess.h"
#include "tasks/provenance.h"

namespace smlp {

struct PreprocessFolderOptions {
  std::string data;                // as InputLister takes it, with labels: an ImageFolder, a labelled list, shards
  std::filesystem::path save_dir;  // of the bins; labels.npy and manifest.jsonl go to its parent, as in the guide
  int batch_size = 1;              // pictures in one bin
  Preprocess how;
  std::size_t limit = SIZE_MAX;                  // the first so many pictures
  int threads = 0;                               // 0: as many as the process may use
  bool force = false;                            // start over, whatever is there
  Shard shard = {};                              // of the bins
  Provenance provenance = program_provenance();  // of the model, where there is one; the rest is filled in
};

struct PreprocessFolderReport {
  std::uint64_t pictures = 0;  // in bins
  std::uint64_t broken = 0;    // left out of bins, labels and manifest
  std::uint64_t bins = 0;
  std::uint64_t resumed = 0;  // pictures (broken ones too) that an earlier run had dealt with
  std::filesystem::path labels, manifest;
  std::uint64_t listed = 0, first_bin = 0;  // pictures of all parts; number of this part's first bin
  Provenance provenance = {};
};

struct PreprocessFolderWatch {
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // first with what an earlier run had done
  std::function<void(const Error&)> broken;                               // a picture that cannot be read
  std::function<void(const std::string&)> remark = {};                    // about the inputs
};

// bin b holds pictures as float32 NCHW, one after another in the order of the listing; broken pictures leave no gap;
// the last bin holds what remains. labels.npy is int64 (bins, batch_size), with -1 where the last bin holds no picture.
// manifest.jsonl has a line a picture: {"file", "label", "class", "sha256", "batch", "index"}; file is relative to
// the folder that was given, picture `index` of bin `batch`.
//
// A shard makes the bins of its pictures only, with the numbers and, where no picture is broken, the bytes that they
// have in the whole; its labels.npy and manifest are of its own bins.
//
// Every file is whole or absent whenever the process ends. Run again, it goes on where it stopped and ends with the
// same bytes. Errors: pictures, batch size or transform that changed since the first run, and files that this run did
// not write and would have to replace (all but with `force`).
Result<PreprocessFolderReport> preprocess_folder(const PreprocessFolderOptions& options,
                                                 const PreprocessFolderWatch& watch);

}  // namespace smlp
