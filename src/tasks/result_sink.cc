#include "tasks/result_sink.h"

#include <utility>

namespace smlp {

Result<void> ResultSink::put(std::size_t, Result<std::span<const float>> logits) {
  const Input& file = files_[input_];
  if (logits) {
    logits_.insert(logits_.end(), logits->begin(), logits->end());
  } else if (!error_) {
    error_ = std::move(logits).error();
  }
  if (++rows_ < file.rows) return {};
  SMLP_CHECK(end_input(file));
  rows_ = 0;
  logits_.clear();
  ++input_;
  if (watch_.progress) watch_.progress(report_.resumed + input_, report_.resumed + files_.size());
  return {};
}

Result<void> ResultSink::end_input(const Input& file) {
  if (const auto error = std::exchange(error_, std::nullopt)) return end_broken(file, *error);
  report_.pictures += static_cast<std::uint64_t>(file.rows);
  return results_.write(file, logits_);
}

// A picture may turn out broken only when it is decoded; prepared files were checked, so that is no small matter. Nor
// is it the picture's fault where the machine fails.
Result<void> ResultSink::end_broken(const Input& file, const Error& error) {
  if (file.kind != InputKind::picture || error.transient) return fail(error);
  ++report_.broken;
  if (watch_.broken) watch_.broken(error);
  return results_.write(file, {});
}

}  // namespace smlp
