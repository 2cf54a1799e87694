// Prepared pictures into bins; every whole one goes into the journal and gets its name.
#pragma once

#include <optional>

#include "base/atomic_file.h"
#include "pipeline/sink.h"
#include "tasks/hashed_pictures.h"
#include "tasks/preprocess_run.h"

namespace smlp {

// Goes on after what `journal` holds and adds to it. Bins that appeared in the folder since the run began are an error:
// they are somebody else's. What it is given must outlive it.
class BinSink final : public Sink {
 public:
  BinSink(const PreprocessRun& run, const DirectoryLock& folder, Journal& journal, JournalWriter& writer,
          HashedPictures& pictures, const PreprocessFolderWatch& watch)
      : run_(run),
        folder_(folder),
        first_(journal.recorded()),
        journal_(journal),
        writer_(writer),
        pictures_(pictures),
        watch_(watch) {}

  Result<void> put(std::size_t index, Result<std::span<const float>> picture) override;
  Result<void> finish() override;

 private:
  Result<void> write(std::span<const float> picture);
  Result<void> start_bin();
  Result<void> refuse_newcomers() const;
  PathAt next_bin() const { return run_.bin(journal_.batches.size()); }
  Result<void> finish_bin();

  const PreprocessRun& run_;
  const DirectoryLock& folder_;
  const std::uint64_t first_;  // picture of the run that is the first of this pass
  Journal& journal_;
  JournalWriter& writer_;
  HashedPictures& pictures_;
  const PreprocessFolderWatch& watch_;
  std::optional<AtomicFile> bin_;
  BatchRecord batch_;
};

}  // namespace smlp
