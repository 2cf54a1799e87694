#include "tasks/bin_sink.h"

#include <utility>

#include "base/open_file.h"

namespace smlp {

Result<void> BinSink::put(std::size_t index, Result<std::span<const float>> picture) {
  PictureRecord record = pictures_.take_record(index);
  if (picture) {
    SMLP_CHECK(write(*picture));
  } else {
    const Error error = std::move(picture).error();
    // Only what is the picture's own fault is recorded as broken; a run that the machine failed ends, and is gone on
    // with later.
    if (error.transient) return fail(error);
    record.error = error.message();
    if (watch_.broken) watch_.broken(error);
  }
  batch_.pictures.push_back(std::move(record));
  if (batch_.good() == static_cast<std::uint64_t>(run_.options.batch_size)) SMLP_CHECK(finish_bin());
  if (watch_.progress) watch_.progress(first_ + index + 1, run_.inputs.files.size());
  return {};
}

Result<void> BinSink::finish() { return batch_.pictures.empty() ? Result<void>() : finish_bin(); }

Result<void> BinSink::write(std::span<const float> picture) {
  if (!bin_) SMLP_CHECK(folder_.explained(start_bin()));
  return bin_->write(std::as_bytes(picture));
}

Result<void> BinSink::start_bin() {
  SMLP_CHECK(refuse_newcomers());
  SMLP_TRY(file, AtomicFile::create(next_bin(), Existing::keep));
  bin_.emplace(std::move(file));
  return {};
}

Result<void> BinSink::refuse_newcomers() const {
  SMLP_CHECK(folder_.check());
  if (!name_is_taken(next_bin())) return {};
  return foreign_file(next_bin().shown, "appeared while this run was writing");
}

Result<void> BinSink::finish_bin() {
  if (bin_) {
    SMLP_TRY(stamp, bin_->stamp());
    batch_.bin = stamp;
  }
  SMLP_CHECK(folder_.explained(refuse_newcomers()));
  SMLP_CHECK(writer_.append(batch_));  // before the bin has its name: a bin that no line lists is of somebody else
  if (bin_) SMLP_CHECK(folder_.explained(bin_->commit(Flush::later)));
  bin_.reset();
  journal_.batches.push_back(std::exchange(batch_, {}));
  return {};
}

}  // namespace smlp
