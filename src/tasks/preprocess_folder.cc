#include "tasks/preprocess_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/atomic_file.h"
#include "base/cpu_features.h"
#include "base/file_map.h"
#include "base/sha256.h"
#include "data/bin_folder.h"
#include "data/image_folder.h"
#include "data/labels.h"
#include "data/preprocess_journal.h"
#include "image/preprocess.h"
#include "pipeline/ordered_pipeline.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLabels = "labels.npy";
constexpr const char* kManifest = "manifest.jsonl";

// One picture on its way from a decoding thread to its bin.
struct Prepared {
  PictureRecord record;
  std::vector<float> chw;
  Error error;
};

// A run's places and what is known before the first picture.
struct Run {
  const PreprocessFolderOptions& options;
  ImageFolder folder;
  fs::path parent;  // of save_dir
  JournalHeader header;

  fs::path journal() const { return options.save_dir / kPreprocessJournal; }
  std::size_t picture_floats() const {
    const auto side = static_cast<std::size_t>(options.how.crop);
    return 3 * side * side;
  }
  std::string name(std::size_t picture) const {
    return folder.pictures[picture].file.lexically_relative(options.data_root).string();
  }
};

void read_stamp(const fs::path& file, PictureRecord& record) {
  struct stat info = {};
  if (::stat(file.c_str(), &info) != 0) return;
  record.bytes = static_cast<std::uint64_t>(info.st_size);
  record.mtime_ns = info.st_mtim.tv_sec * std::int64_t{1'000'000'000} + info.st_mtim.tv_nsec;
}

Result<void> prepare(const fs::path& file, const Preprocess& how, Prepared& out) {
  read_stamp(file, out.record);  // for a file that cannot be opened
  SMLP_TRY(map, FileMap::open(file));
  out.record.bytes = map->stamp().bytes;  // of the very bytes that are decoded, whatever the name leads to by now
  out.record.mtime_ns = map->stamp().mtime_ns;
  out.record.sha256 = sha256_of(map->bytes());
  SMLP_TRY(picture, decode(map->bytes()));
  SMLP_TRY(crop, resize_and_crop(picture, how));
  out.chw.resize(3 * static_cast<std::size_t>(how.crop) * static_cast<std::size_t>(how.crop));
  normalise(crop, how, out.chw.data());
  return {};
}

Prepared prepare(const fs::path& file, const Preprocess& how) {
  Prepared out;
  Result<void> outcome;
  try {
    outcome = prepare(file, how, out);
  } catch (const std::exception& error) {  // memory ran out
    outcome = fail(Error{.what = error.what(), .transient = true});
  }
  if (outcome) return out;
  out.error = std::move(outcome).error().in(file.string());
  out.record.error = out.error.message();
  out.chw.clear();
  return out;
}

std::string listing_sha256(const Run& run) {
  std::string listing;
  for (std::size_t i = 0; i < run.folder.pictures.size(); ++i) {
    listing += run.name(i) + '\0' + std::to_string(run.folder.pictures[i].label) + '\n';
  }
  return sha256_of(std::as_bytes(std::span(listing)));
}

// What an earlier run recorded of a picture still holds: same size and time of change, or else the same bytes.
bool unchanged(const fs::path& file, const PictureRecord& record) {
  PictureRecord now;
  read_stamp(file, now);
  if (now.bytes == record.bytes && now.mtime_ns == record.mtime_ns) return true;
  if (now.bytes != record.bytes || record.sha256.empty()) return false;
  const auto sha256 = sha256_file(file);
  return sha256 && *sha256 == record.sha256;
}

std::unexpected<Error> changed(const fs::path& where, std::string what) {
  return fail(Error{.what = std::move(what),
                    .file = where.string(),
                    .remedy = "give --force to start over, or choose another --save_dir"});
}

std::unexpected<Error> foreign(const fs::path& where, std::string what) {
  return fail(Error{.what = std::move(what),
                    .file = where.string(),
                    .remedy = "move it away, or choose another --save_dir: neither this run nor --force replaces it"});
}

// What an earlier run with the same settings recorded, every picture unchanged since; without a trace of one, nothing.
Result<Journal> find_start(const Run& run, std::optional<Journal> journal) {
  if (!journal) return Journal{.header = run.header};
  if (journal->header != run.header) {
    const bool settings = journal->header.how == run.header.how && journal->header.batch_size == run.header.batch_size;
    return changed(run.options.save_dir, settings ? "an earlier run made these bins of other pictures or classes"
                                                  : fmt::format("an earlier run made these bins with other settings "
                                                                "(batch size {}, {} x {} pixels)",
                                                                journal->header.batch_size, journal->header.how.crop,
                                                                journal->header.how.crop));
  }
  if (journal->recorded() > run.folder.pictures.size()) {
    return changed(run.journal(), "records more pictures than there are");
  }
  std::size_t picture = 0;
  for (const BatchRecord& batch : journal->batches) {
    for (const PictureRecord& record : batch.pictures) {
      const fs::path& file = run.folder.pictures[picture++].file;
      if (!unchanged(file, record)) return changed(file, "has changed since an earlier run put it into the bins");
    }
  }
  return std::move(*journal);
}

// How bin `b` stands to what the journal says of it.
enum class BinState { absent, whole, changed };

BinState bin_state(const Run& run, const Journal& journal, std::size_t b) {
  PictureRecord now;
  const fs::path path = bin_path(run.options.save_dir, b);
  std::error_code code;
  const auto status = fs::symlink_status(path, code);
  if (status.type() == fs::file_type::not_found) return BinState::absent;
  if (status.type() != fs::file_type::regular) return BinState::changed;
  read_stamp(path, now);
  const FileStamp stamp = {.bytes = now.bytes, .mtime_ns = now.mtime_ns};
  return stamp == journal.batches[b].bin ? BinState::whole : BinState::changed;
}

// Batches before the first whose bin is lost or not as the journal has it.
std::size_t whole_batches(const Run& run, const Journal& journal) {
  for (std::size_t b = 0; b < journal.batches.size(); ++b) {
    const BinState wanted = journal.batches[b].good() > 0 ? BinState::whole : BinState::absent;
    if (bin_state(run, journal, b) != wanted) return b;
  }
  return journal.batches.size();
}

std::string manifest_text(const Run& run, const Journal& journal) {
  std::string text;
  std::size_t picture = 0;
  for (std::size_t b = 0; b < journal.batches.size(); ++b) {
    int index = 0;
    for (const PictureRecord& record : journal.batches[b].pictures) {
      const std::size_t i = picture++;
      if (record.broken()) continue;
      const int label = run.folder.pictures[i].label;
      nlohmann::ordered_json line;
      line["file"] = run.name(i);
      line["label"] = label;
      line["class"] = run.folder.classes[static_cast<std::size_t>(label)];
      line["sha256"] = record.sha256;
      line["batch"] = b;
      line["index"] = index++;
      text += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
  }
  return text;
}

LabelTable label_table(const Run& run, const Journal& journal) {
  LabelTable table{.batch_size = static_cast<std::size_t>(run.options.batch_size), .labels = {}};
  std::size_t picture = 0;
  for (const BatchRecord& batch : journal.batches) {
    for (const PictureRecord& record : batch.pictures) {
      const int label = run.folder.pictures[picture++].label;
      if (!record.broken()) table.labels.push_back(label);
    }
  }
  while (table.labels.size() % table.batch_size != 0) table.labels.push_back(kNoLabel);
  return table;
}

// Bins that the journal does not list, and a labels.npy or manifest with other bytes than it lists, are of somebody
// else.
Result<void> refuse_foreign(const Run& run, const std::optional<Journal>& journal) {
  SMLP_TRY(bins, list_bins(run.options.save_dir));
  for (const Bin& bin : bins) {
    if (!journal || bin.batch >= journal->batches.size() || bin.path != bin_path(run.options.save_dir, bin.batch)) {
      return foreign(bin.path, "is there already, and no run of this command recorded it");
    }
  }
  for (const char* name : {kLabels, kManifest}) {
    const fs::path file = run.parent / name;
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(file, ignored))) continue;
    if (journal && !journal->endings.empty()) {
      SMLP_TRY(sha256, sha256_file(file));
      if (std::ranges::find(journal->endings, sha256) != journal->endings.end()) continue;
    }
    return foreign(file, "belongs to another run");
  }
  return {};
}

Result<void> delete_file(const fs::path& path) {
  std::error_code code;
  fs::remove(path, code);
  if (code) return system_error("delete", code.value(), path);
  return {};
}

// labels.npy and the manifest are of a run that is complete: they go before its journal gets shorter, so that a kill
// in between cannot make them look like those of another run.
Result<void> delete_endings(const Run& run) {
  SMLP_CHECK(delete_file(run.parent / kLabels));
  return delete_file(run.parent / kManifest);
}

// Deletes what the journal lists, as it lists it, and nothing where any of it has changed. The journal goes last, so
// that a kill in between leaves files that can still be told apart.
Result<void> start_over(const Run& run) {
  SMLP_TRY(journal, read_journal(run.journal()));
  SMLP_CHECK(refuse_foreign(run, journal));
  if (!journal) return delete_file(run.journal());
  std::vector<fs::path> bins;
  for (std::size_t b = 0; b < journal->batches.size(); ++b) {
    const BinState state = bin_state(run, *journal, b);
    const fs::path path = bin_path(run.options.save_dir, b);
    if (state == BinState::changed) {
      return foreign(path, "has changed since the earlier run wrote it, so nothing is deleted");
    }
    if (state == BinState::whole) bins.push_back(path);
  }
  SMLP_CHECK(delete_endings(run));
  for (const fs::path& bin : bins) SMLP_CHECK(delete_file(bin));
  return delete_file(run.journal());
}

// Bins from picture `first` on; every whole one goes into the journal and its file.
Result<void> write_bins(const Run& run, std::size_t first, Journal& journal, const PreprocessFolderWatch& watch) {
  SMLP_TRY(writer, journal.batches.empty() ? JournalWriter::create(run.journal(), run.header)
                                           : JournalWriter::reopen(run.journal(), journal));
  const std::size_t total = run.folder.pictures.size();
  const int threads = run.options.threads > 0 ? run.options.threads : usable_cpus();
  std::optional<AtomicFile> bin;
  BatchRecord batch;

  const auto finish_batch = [&]() -> Result<void> {
    if (bin) {
      SMLP_TRY(stamp, bin->stamp());
      batch.bin = stamp;
    }
    SMLP_CHECK(writer.append(batch));  // before the bin has its name: a bin that no line lists is of somebody else
    if (bin) SMLP_CHECK(bin->commit(Flush::later));
    bin.reset();
    journal.batches.push_back(std::exchange(batch, {}));
    return {};
  };
  const auto produce = [&](std::size_t i) { return prepare(run.folder.pictures[first + i].file, run.options.how); };
  const auto consume = [&](std::size_t i, Prepared&& item) -> Result<void> {
    // Only what is the picture's own fault is recorded as broken; a run that the machine failed ends, and is gone on
    // with later.
    if (item.error.transient) return fail(std::move(item.error));
    if (item.record.broken()) {
      if (watch.broken) watch.broken(item.error);
    } else {
      if (!bin) {
        SMLP_TRY(file, AtomicFile::create(bin_path(run.options.save_dir, journal.batches.size()), Existing::replace));
        bin.emplace(std::move(file));
      }
      SMLP_CHECK(bin->write(std::as_bytes(std::span(item.chw))));
    }
    batch.pictures.push_back(std::move(item.record));
    if (batch.good() == static_cast<std::uint64_t>(run.options.batch_size)) SMLP_CHECK(finish_batch());
    if (watch.progress) watch.progress(first + i + 1, total);
    return {};
  };
  SMLP_CHECK(ordered_pipeline(total - first, threads, static_cast<std::size_t>(threads) * 4, produce, consume));
  if (!batch.pictures.empty()) SMLP_CHECK(finish_batch());
  return {};
}

Result<Run> prepare_run(const PreprocessFolderOptions& options) {
  if (options.batch_size < 1) return fail("a batch of {} pictures; 1 or more are needed", options.batch_size);
  SMLP_TRY(folder, read_image_folder(options.data_root));
  SMLP_CHECK(make_directories(options.save_dir));
  std::error_code code;
  const fs::path real = fs::canonical(options.save_dir, code);  // so that the parent of "bins/" and of "." is right
  if (code) return system_error("open the folder", code.value(), options.save_dir);
  Run run{.options = options, .folder = std::move(folder), .parent = real.parent_path(), .header = {}};
  run.header = {.batch_size = options.batch_size,
                .pictures = run.folder.pictures.size(),
                .listing_sha256 = listing_sha256(run),
                .how = options.how};
  return run;
}

// The journal lists them before they are written.
Result<void> write_endings(const Run& run, const Journal& journal, const std::string& labels,
                           const std::string& manifest) {
  const std::string sums[] = {sha256_of(std::as_bytes(std::span(labels))),
                              sha256_of(std::as_bytes(std::span(manifest)))};
  const bool listed = std::ranges::all_of(
      sums, [&](const auto& sum) { return std::ranges::find(journal.endings, sum) != journal.endings.end(); });
  if (!listed) {
    SMLP_TRY(again, read_journal(run.journal()));
    if (!again) return changed(run.journal(), "is gone");
    SMLP_TRY(writer, JournalWriter::reopen(run.journal(), *again));
    SMLP_CHECK(writer.append_endings(sums));
  }
  SMLP_CHECK(write_file(run.parent / kLabels, labels, Existing::replace));
  return write_file(run.parent / kManifest, manifest, Existing::replace);
}

}  // namespace

Result<PreprocessFolderReport> preprocess_folder(const PreprocessFolderOptions& options,
                                                 const PreprocessFolderWatch& watch) {
  SMLP_TRY(run, prepare_run(options));
  const auto lock = DirectoryLock::acquire(options.save_dir);
  if (!lock) return fail(lock.error());
  const auto parent_lock = DirectoryLock::acquire(run.parent);  // labels.npy and the manifest have room for one run
  if (!parent_lock) return fail(parent_lock.error());
  SMLP_CHECK(remove_temporaries(options.save_dir));
  for (const char* name : {kLabels, kManifest}) SMLP_CHECK(remove_temporaries(run.parent, name));
  if (options.force) SMLP_CHECK(start_over(run));
  SMLP_TRY(recorded, read_journal(run.journal()));
  SMLP_CHECK(refuse_foreign(run, recorded));
  SMLP_TRY(journal, find_start(run, std::move(recorded)));
  if (const std::size_t whole = whole_batches(run, journal); whole < journal.batches.size()) {
    SMLP_CHECK(delete_endings(run));
    journal.keep_first(whole);
  }

  PreprocessFolderReport report{
      .resumed = journal.recorded(), .labels = run.parent / kLabels, .manifest = run.parent / kManifest};
  std::size_t picture = 0;
  for (const BatchRecord& batch : journal.batches) {
    for (const PictureRecord& record : batch.pictures) {
      ++picture;
      if (record.broken() && watch.broken) watch.broken(Error{.what = record.error});
    }
  }
  if (watch.progress) watch.progress(picture, run.folder.pictures.size());
  if (!journal.complete()) SMLP_CHECK(write_bins(run, picture, journal, watch));

  const LabelTable labels = label_table(run, journal);
  if (labels.labels.empty())
    return fail(Error{.what = "not one picture could be read", .file = options.data_root.string()});
  SMLP_CHECK(flush_disk(options.save_dir));
  SMLP_CHECK(write_endings(run, journal, labels_bytes(labels), manifest_text(run, journal)));
  for (const BatchRecord& batch : journal.batches) {
    report.pictures += batch.good();
    report.broken += batch.pictures.size() - batch.good();
    report.bins += batch.good() > 0;
  }
  return report;
}

}  // namespace smlp
