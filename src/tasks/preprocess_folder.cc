#include "tasks/preprocess_folder.h"

#include <memory>
#include <system_error>

#include "base/cpu_features.h"
#include "base/no_throw.h"
#include "base/thread_pool.h"
#include "data/input_remarks.h"
#include "pipeline/pipeline.h"
#include "tasks/bin_sink.h"
#include "tasks/hashed_pictures.h"
#include "tasks/preprocess_endings.h"
#include "tasks/preprocess_resume.h"

namespace smlp {
namespace {

Result<std::unique_ptr<ThreadPool>> start_threads(int threads) try {
  return std::make_unique<ThreadPool>(threads);
} catch (const std::system_error& error) {
  return fail(Error{.what = fmt::format("cannot start {} threads: {}", threads, error.what()),
                    .remedy = "use fewer threads",
                    .transient = true});
}

// The bins of all pictures that the journal does not have yet.
Result<void> write_bins(const PreprocessRun& run, const DirectoryLock& folder, Journal& journal,
                        const PreprocessFolderWatch& watch) {
  SMLP_TRY(writer, journal.batches.empty()
                       ? JournalWriter::create(run.journal(), run.header, provenance_text(run.provenance()))
                       : JournalWriter::reopen(run.journal(), journal));
  SMLP_TRY(pool, start_threads(run.options.threads > 0 ? run.options.threads : usable_cpus()));
  HashedPictures source(std::span(run.inputs.files).subspan(journal.recorded()));
  BinSink sink(run, folder, journal, writer, source, watch);
  return run_pipeline(*pool, nullptr, source, sink, {.how = run.options.how});
}

void report_earlier(const PreprocessRun& run, const Journal& journal, const PreprocessFolderWatch& watch) {
  for (const BatchRecord& batch : journal.batches) {
    for (const PictureRecord& record : batch.pictures) {
      if (record.broken() && watch.broken) watch.broken(Error{.what = record.error});
    }
  }
  if (watch.progress) watch.progress(journal.recorded(), run.inputs.files.size());
}

Result<PreprocessFolderReport> preprocess(const PreprocessFolderOptions& options, const PreprocessFolderWatch& watch) {
  SMLP_TRY(run, PreprocessRun::open(options));
  for (const std::string& remark : remarks_on(run.inputs)) {
    if (watch.remark) watch.remark(remark);
  }
  SMLP_TRY(lock, DirectoryLock::acquire(options.save_dir));
  SMLP_TRY(parent_lock, DirectoryLock::acquire(run.parent.shown));  // labels.npy and the manifest have room for one run
  run.folder = lock.folder();
  run.parent = parent_lock.folder();
  SMLP_TRY(journal, find_start(run));
  report_earlier(run, journal, watch);
  PreprocessFolderReport report{.resumed = journal.recorded(),
                                .labels = run.labels_file().shown,
                                .manifest = run.manifest_file().shown,
                                .listed = run.listed,
                                .first_bin = run.header.first_bin,
                                .provenance = run.provenance()};
  if (!journal.complete()) SMLP_CHECK(write_bins(run, lock, journal, watch));
  SMLP_CHECK(lock.check());
  SMLP_CHECK(parent_lock.check());
  SMLP_CHECK(write_endings(run, journal));
  for (const BatchRecord& batch : journal.batches) {
    report.pictures += batch.good();
    report.broken += batch.pictures.size() - batch.good();
    report.bins += batch.good() > 0;
  }
  return report;
}

}  // namespace

Result<PreprocessFolderReport> preprocess_folder(const PreprocessFolderOptions& options,
                                                 const PreprocessFolderWatch& watch) {
  return no_throw([&] { return preprocess(options, watch); });
}

}  // namespace smlp
