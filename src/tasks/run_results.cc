#include "tasks/run_results.h"

#include <algorithm>

#include "base/file_map.h"
#include "base/open_file.h"
#include "base/sha256.h"
#include "tasks/named_output.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

RecordedFile recorded(std::string_view bytes) {
  return {.bytes = bytes.size(), .sha256 = sha256_of(std::as_bytes(std::span(bytes)))};
}

std::unexpected<Error> foreign_error(const fs::path& path) {
  return fail(Error{.what = "was not written by this run, and a result has to go there",
                    .file = path.string(),
                    .remedy = "move it away, or choose another --output_dirname"});
}

std::unexpected<Error> changed_error(const fs::path& path) {
  return fail(Error{.what = "has changed since this run wrote it",
                    .file = path.string(),
                    .remedy = "move it away, and resume the run again: what is not there is made anew"});
}

// What a power cut leaves of a result that begins like `start`: its first bytes, then zeros, and no more than `size`.
Result<bool> may_be_torn(const fs::path& path, std::string_view start, std::uint64_t size) {
  std::error_code code;
  if (!fs::is_regular_file(fs::symlink_status(path, code))) return false;
  SMLP_TRY(map, FileMap::open(path));
  const std::string_view there(reinterpret_cast<const char*>(map->bytes().data()), map->bytes().size());
  if (there.size() > size) return false;
  const auto [differs, expected] = std::ranges::mismatch(there, start);
  return expected == start.end() || std::all_of(differs, there.end(), [](char byte) { return byte == 0; });
}

}  // namespace

std::string RunResults::name_of(const Input& input) const {
  return options_.packed ? std::string(kPackedResult) : result_name(input.stem(), options_.format);
}

fs::path RunResults::path_of(const Input& input) const { return folder_ / name_of(input); }

Result<RunResults> RunResults::open(RunFolder place, const RunIdentity& identity, const std::string& provenance,
                                    const RunResultsOptions& options, std::span<const Input> inputs) {
  std::optional<RunRecord> earlier = std::move(place.earlier);
  RunResults results(std::move(place), options);
  results.done_.resize(inputs.size());
  SMLP_CHECK(results.check_names(inputs));
  SMLP_CHECK(remove_temporaries(results.folder_));
  SMLP_CHECK(clear_leftovers(summary_path(results.folder_)));
  SMLP_CHECK(earlier ? results.resume(std::move(*earlier), inputs) : results.start(identity, provenance, inputs));
  return results;
}

// Results are found by their names again, and there is one whose name means something else.
Result<void> RunResults::check_names(std::span<const Input> inputs) const {
  if (options_.packed) return {};
  for (const Input& input : inputs) {
    const std::string name = name_of(input);
    if (name != kPackedResult && name != result_name("", options_.format)) continue;
    return fail(Error{.what = fmt::format("its result would be called '{}', by which nobody finds it", name),
                      .file = input.name(),
                      .remedy = "rename it, or give --packed"});
  }
  return {};
}

Result<void> RunResults::start(const RunIdentity& identity, const std::string& provenance,
                               std::span<const Input> inputs) {
  for (const Input& input : inputs) {
    if (name_is_taken(path_of(input))) return foreign_error(path_of(input));
  }
  for (const PathAt& path : {held() / kPackedNames, packed_part(held())}) {
    if (options_.packed && name_is_taken(path)) return foreign_error(path.shown);
  }
  SMLP_TRY(writer, RunRecordWriter::create(held(), identity, provenance));
  writer_.emplace(std::move(writer));
  if (!options_.packed) return {};
  SMLP_TRY(packed, PackedWriter::open(held(), options_.classes, record_));
  packed_.emplace(std::move(packed));
  return {};
}

Result<void> RunResults::resume(RunRecord earlier, std::span<const Input> inputs) {
  resumed_ = true;
  record_ = std::move(earlier);
  SMLP_CHECK(refuse_foreign_summary());
  const std::size_t rows = record_.rows.size();
  SMLP_CHECK(options_.packed ? resume_packed(inputs) : resume_files(inputs));
  SMLP_TRY(writer, RunRecordWriter::reopen(held(), record_));
  writer_.emplace(std::move(writer));
  return record_.rows.size() < rows ? writer_->keep_rows(record_.rows.size()) : Result<void>();
}

Result<void> RunResults::refuse_foreign_summary() const {
  SMLP_TRY(state, record_.state_of(folder_, summary_name(folder_)));
  if (state == FileState::changed || state == FileState::foreign) return foreign_error(summary_path(folder_));
  return {};
}

Result<void> RunResults::resume_files(std::span<const Input> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    SMLP_TRY(state, record_.state_of(folder_, name_of(inputs[i])));
    done_[i] = state == FileState::whole;
  }
  return {};
}

// A file that the record lists otherwise is made again where a power cut may have left it so, and is somebody's
// elsewhere.
Result<void> RunResults::check_torn(const std::string& name, std::string_view start) const {
  SMLP_TRY(torn, may_be_torn(folder_ / name, start, record_.files.at(name).back().bytes));
  return torn ? Result<void>() : changed_error(folder_ / name);
}

Result<void> RunResults::resume_packed(std::span<const Input> inputs) {
  SMLP_TRY(array, record_.state_of(folder_, kPackedResult));
  SMLP_TRY(names, record_.state_of(folder_, kPackedNames));
  if (array == FileState::foreign) return foreign_error(folder_ / kPackedResult);
  if (names == FileState::foreign) return foreign_error(folder_ / kPackedNames);
  if (array == FileState::changed) SMLP_CHECK(check_torn(kPackedResult, "\x93NUMPY"));
  if (names == FileState::changed)
    SMLP_CHECK(check_torn(kPackedNames, record_.rows.empty() ? "" : record_.rows[0].stem));
  const bool whole = array == FileState::whole && names == FileState::whole;
  if (!whole) {
    SMLP_TRY(packed, PackedWriter::open(held(), options_.classes, record_));
    packed_.emplace(std::move(packed));
  }
  for (std::size_t i = 0; i < std::min(inputs.size(), record_.rows.size()); ++i) {
    done_[i] = true;
    if (record_.rows[i].rows > 0) continue;
    broken_before_.push_back({.what = "could not be read in the earlier run", .file = inputs[i].name()});
  }
  return {};
}

Result<void> RunResults::write_inputs(const InputManifest& inputs) {
  if (folder_.empty()) return {};
  const fs::path path = folder_ / kInputManifest;
  SMLP_TRY(state, record_.state_of(folder_, kInputManifest));
  if (state == FileState::whole) return {};
  if (state == FileState::changed || state == FileState::foreign) return foreign_error(path);
  const std::string text = input_manifest_text(inputs);
  SMLP_CHECK(writer_->add(kInputManifest, recorded(text)));
  return write_file(held() / kInputManifest, text, Existing::keep);
}

Result<void> RunResults::write(const Input& input, std::span<const float> logits) {
  if (folder_.empty()) return {};
  if (!packed_) return logits.empty() ? Result<void>() : lock_->explained(write_file_of(input, logits));
  SMLP_TRY(rows, packed_->append(input.stem(), logits));
  SMLP_CHECK(writer_->add(rows));
  record_.rows.push_back(std::move(rows));
  return {};
}

Result<void> RunResults::write_file_of(const Input& input, std::span<const float> logits) {
  SMLP_CHECK(lock_->check());
  const std::string bytes = result_bytes(options_.format, logits, options_.classes);
  const PathAt path = held() / name_of(input);
  if (resumed_ && name_is_taken(path)) {
    SMLP_TRY(state, record_.state_of(folder_, name_of(input)));
    const bool listed = state != FileState::foreign;
    SMLP_TRY(torn, may_be_torn(path.shown, bytes, bytes.size()));  // its line in the record may be lost, too
    if (state != FileState::earlier && !torn) return listed ? changed_error(path.shown) : foreign_error(path.shown);
  }
  SMLP_TRY(out, AtomicFile::create(path, resumed_ ? Existing::replace : Existing::keep));
  SMLP_CHECK(out.write(bytes));
  SMLP_CHECK(writer_->add(name_of(input), recorded(bytes)));
  return out.commit(Flush::later);
}

Result<void> RunResults::finish() {
  if (folder_.empty()) return {};
  SMLP_CHECK(lock_->check());
  if (packed_) SMLP_CHECK(packed_->finish(record_.rows, *writer_));
  SMLP_CHECK(writer_->check_there());
  SMLP_CHECK(flush_disk(folder_));
  return lock_->check();
}

Result<void> RunResults::write_summary(const std::string& text) {
  if (folder_.empty()) return {};
  const bool kept = text.empty() && name_is_taken(summary_path(folder_));
  if (!kept) {
    SMLP_CHECK(refuse_foreign_summary());
    SMLP_CHECK(writer_->add(summary_name(folder_), recorded(text)));
    SMLP_CHECK(write_file(summary_path(folder_), text, resumed_ ? Existing::replace : Existing::keep));
  }
  return writer_->finish();
}

}  // namespace smlp
