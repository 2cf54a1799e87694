#include "tasks/preprocess_endings.h"

#include <algorithm>

#include "base/atomic_file.h"
#include "base/json.h"
#include "base/open_file.h"
#include "base/sha256.h"
#include "data/labels.h"

namespace smlp {
namespace {

std::string manifest_text(const PreprocessRun& run, const Journal& journal) {
  std::string text;
  std::size_t picture = 0;
  for (std::size_t b = 0; b < journal.batches.size(); ++b) {
    int index = 0;
    for (const PictureRecord& record : journal.batches[b].pictures) {
      const std::size_t i = picture++;
      if (record.broken()) continue;
      const Input& input = run.inputs.files[i];
      nlohmann::ordered_json line;
      line["file"] = input.own_name();
      line["label"] = run.labels[i];
      line["class"] = run.inputs.labels[static_cast<std::size_t>(input.label)];
      line["sha256"] = record.sha256;
      line["batch"] = run.header.first_bin + b;
      line["index"] = index++;
      text += dump_json(line) + "\n";
    }
  }
  return text;
}

LabelTable label_table(const PreprocessRun& run, const Journal& journal) {
  LabelTable table{.batch_size = static_cast<std::size_t>(run.options.batch_size), .labels = {}};
  std::size_t picture = 0;
  for (const BatchRecord& batch : journal.batches) {
    for (const PictureRecord& record : batch.pictures) {
      const std::int64_t label = run.labels[picture++];
      if (!record.broken()) table.labels.push_back(label);
    }
  }
  while (table.labels.size() % table.batch_size != 0) table.labels.push_back(kNoLabel);
  return table;
}

}  // namespace

Result<void> refuse_foreign_endings(const PreprocessRun& run, const Journal& journal) {
  for (const PathAt& file : {run.labels_file(), run.manifest_file()}) {
    if (!name_is_taken(file)) continue;
    if (!journal.endings.empty()) {
      SMLP_TRY(sha256, sha256_file(file.shown));
      if (std::ranges::find(journal.endings, sha256) != journal.endings.end()) continue;
    }
    return foreign_file(file.shown, "belongs to another run");
  }
  return {};
}

Result<void> write_endings(const PreprocessRun& run, const Journal& journal) {
  const LabelTable table = label_table(run, journal);
  if (table.labels.empty()) {
    return fail(Error{.what = "not one picture could be read", .file = run.options.data});
  }
  SMLP_CHECK(refuse_foreign_endings(run, journal));
  SMLP_CHECK(flush_disk(run.options.save_dir));
  const std::string labels = labels_bytes(table), manifest = manifest_text(run, journal);
  const std::string sums[] = {sha256_of(std::as_bytes(std::span(labels))),
                              sha256_of(std::as_bytes(std::span(manifest)))};
  const bool listed = std::ranges::all_of(
      sums, [&](const auto& sum) { return std::ranges::find(journal.endings, sum) != journal.endings.end(); });
  if (!listed) {
    SMLP_TRY(again, read_journal(run.journal().shown));
    if (!again) {
      return fail(Error{.what = "is gone: somebody deleted it meanwhile, and nothing says whose the bins are now",
                        .file = run.journal().shown.string(),
                        .remedy = "delete them, and run it again"});
    }
    SMLP_TRY(writer, JournalWriter::reopen(run.journal(), *again));
    SMLP_CHECK(writer.append_endings(sums));
  }
  SMLP_CHECK(write_file(run.labels_file(), labels, Existing::replace));
  return write_file(run.manifest_file(), manifest, Existing::replace);
}

}  // namespace smlp
