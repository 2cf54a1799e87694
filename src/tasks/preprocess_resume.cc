#include "tasks/preprocess_resume.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/open_file.h"
#include "base/sha256.h"
#include "image/decode.h"
#include "tasks/preprocess_endings.h"
#include "tasks/provenance.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

Result<std::string> sha256_of_input(const Input& input) {
  if (!input.archive) return sha256_file(input.file);
  const TarMember& member = input.archive->members()[input.member];
  SMLP_TRY(reader, input.archive->reader());
  SMLP_TRY(bytes, reader->read(member, DecodeLimits{}.max_file_bytes));
  return sha256_of(std::as_bytes(std::span(bytes)));
}

// What an earlier run recorded of a picture still holds: same size and time of change, or else the same bytes.
bool unchanged(const Input& input, const PictureRecord& record) {
  const FileStamp now = input.stamp();
  if (now == FileStamp{.bytes = record.bytes, .mtime_ns = record.mtime_ns}) return true;
  if (now.bytes != record.bytes || record.sha256.empty()) return false;
  const auto sha256 = sha256_of_input(input);
  return sha256 && *sha256 == record.sha256;
}

std::unexpected<Error> changed(const fs::path& where, std::string what) {
  return fail(Error{.what = std::move(what),
                    .file = where.string(),
                    .remedy = "give --force to start over, or choose another --save_dir"});
}

// Where the settings of an earlier run differ from this one's, as the end of a sentence.
std::string difference(const JournalHeader& earlier, const JournalHeader& now) {
  if (earlier.batch_size != now.batch_size) {
    return fmt::format("with {} pictures in each, this one is to put in {}", earlier.batch_size, now.batch_size);
  }
  if (earlier.how != now.how) {
    return fmt::format("with '{}', this one is to make them with '{}'", preprocess_text(earlier.how),
                       preprocess_text(now.how));
  }
  return "of other pictures or classes";
}

Result<void> check_same_part(const PreprocessRun& run, const std::optional<Journal>& journal) {
  if (!journal || journal->header.shard == run.header.shard) return {};
  const auto shown = [](const std::string& shard) { return shard.empty() ? "the whole" : "part " + shard; };
  return changed(run.options.save_dir, fmt::format("an earlier run made these bins as {}, this one is to make {}",
                                                   shown(journal->header.shard), shown(run.header.shard)));
}

// What an earlier run with the same settings recorded, every picture unchanged since; without a trace of one, nothing.
Result<Journal> check_recorded(const PreprocessRun& run, std::optional<Journal> journal) {
  if (!journal) return Journal{.header = run.header};
  if (journal->header != run.header) {
    return changed(run.options.save_dir,
                   fmt::format("an earlier run made these bins {}", difference(journal->header, run.header)));
  }
  if (journal->recorded() > run.inputs.files.size()) {
    return changed(run.journal().shown, "records more pictures than there are");
  }
  std::size_t picture = 0;
  for (const BatchRecord& batch : journal->batches) {
    for (const PictureRecord& record : batch.pictures) {
      const Input& input = run.inputs.files[picture++];
      if (!unchanged(input, record))
        return changed(input.name(), "has changed since an earlier run put it into the bins");
    }
  }
  return std::move(*journal);
}

// Whether bin `b` is as the journal says.
enum class BinState { absent, whole, changed };

BinState bin_state(const PreprocessRun& run, const Journal& journal, std::size_t b) {
  const PathAt path = run.bin(b);
  const mode_t mode = mode_of(path);
  if (mode == 0) return BinState::absent;
  if (!S_ISREG(mode)) return BinState::changed;
  return stamp_by_name(path) == journal.batches[b].bin ? BinState::whole : BinState::changed;
}

// Batches before the first whose bin is lost or not as the journal has it.
std::size_t whole_batches(const PreprocessRun& run, const Journal& journal) {
  for (std::size_t b = 0; b < journal.batches.size(); ++b) {
    const BinState wanted = journal.batches[b].good() > 0 ? BinState::whole : BinState::absent;
    if (bin_state(run, journal, b) != wanted) return b;
  }
  return journal.batches.size();
}

// Bins that the journal does not list, and endings of another run, belong to somebody else: an error.
Result<void> refuse_foreign(const PreprocessRun& run, const std::optional<Journal>& journal) {
  SMLP_TRY(bins, list_bins(run.options.save_dir));
  for (const Bin& bin : bins) {
    const std::uint64_t place = bin.batch - std::min(bin.batch, run.header.first_bin);
    if (!journal || place >= journal->batches.size() || bin.path != run.bin(place).shown) {
      return foreign_file(bin.path, "is there already, and no run of this command recorded it");
    }
  }
  return refuse_foreign_endings(run, journal.value_or(Journal{}));
}

// labels.npy and the manifest belong to a run that is complete: they are deleted before its journal gets shorter, so
// that a kill in between cannot make them look like those of another run.
Result<void> delete_endings(const PreprocessRun& run) {
  SMLP_CHECK(delete_file(run.labels_file()));
  return delete_file(run.manifest_file());
}

// Deletes what the journal lists, as it lists it, and nothing where any of it has changed. The journal goes last, so
// that a kill in between leaves files that can still be told apart.
Result<void> start_over(const PreprocessRun& run) {
  SMLP_TRY(journal, read_journal(run.journal().shown));
  SMLP_CHECK(refuse_foreign(run, journal));
  if (!journal) return delete_file(run.journal());
  std::vector<PathAt> bins;
  for (std::size_t b = 0; b < journal->batches.size(); ++b) {
    const BinState state = bin_state(run, *journal, b);
    const PathAt path = run.bin(b);
    if (state == BinState::changed) {
      return foreign_file(path.shown, "has changed since the earlier run wrote it, so nothing is deleted");
    }
    if (state == BinState::whole) bins.push_back(path);
  }
  SMLP_CHECK(delete_endings(run));
  for (const PathAt& bin : bins) SMLP_CHECK(delete_file(bin));
  return delete_file(run.journal());
}

// A bin that was copied has another time, and a power cut may leave one empty; of another size it is somebody's.
bool may_be_made_again(const PathAt& path, const BatchRecord& batch) {
  const std::uint64_t bytes = stamp_by_name(path).bytes;
  return S_ISREG(mode_of(path)) && (bytes == 0 || bytes == batch.bin.bytes);
}

// Bins from `first` on that the journal lists are made again, and labels.npy and the manifest. They go while it still
// lists them: cut off before, they would look like those of somebody else to the run after a kill.
Result<void> delete_bins_from(const PreprocessRun& run, const Journal& journal, std::size_t first) {
  std::vector<PathAt> there;
  for (std::size_t b = first; b < journal.batches.size(); ++b) {
    const PathAt path = run.bin(b);
    if (mode_of(path) == 0) continue;
    if (!may_be_made_again(path, journal.batches[b])) {
      return foreign_file(path.shown, "is not the file that an earlier run wrote");
    }
    there.push_back(path);
  }
  SMLP_CHECK(delete_endings(run));
  for (const PathAt& path : there) SMLP_CHECK(delete_file(path));
  return {};
}

}  // namespace

Result<Journal> find_start(const PreprocessRun& run) {
  SMLP_CHECK(remove_temporaries(run.options.save_dir));
  for (const char* name : {PreprocessRun::kLabels, PreprocessRun::kManifest}) {
    SMLP_CHECK(remove_temporaries(run.parent.shown, name));
  }
  if (run.options.force) SMLP_CHECK(start_over(run));
  SMLP_TRY(recorded, read_journal(run.journal().shown));
  SMLP_CHECK(check_same_part(run, recorded));
  SMLP_CHECK(refuse_foreign(run, recorded));
  SMLP_TRY(journal, check_recorded(run, std::move(recorded)));
  if (const std::size_t whole = whole_batches(run, journal); whole < journal.batches.size()) {
    SMLP_CHECK(delete_bins_from(run, journal, whole));
    journal.keep_first(whole);
  }
  return std::move(journal);
}

}  // namespace smlp
