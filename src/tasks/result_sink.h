// The end of infer's road: the answers of an input's pictures, joined and written.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "data/inputs.h"
#include "pipeline/sink.h"
#include "tasks/infer_files.h"
#include "tasks/run_results.h"

namespace smlp {

// Counts in `report` what it hears. What it is given must outlive it.
class ResultSink final : public Sink {
 public:
  ResultSink(std::span<const Input> files, RunResults& results, InferFilesReport& report, const InferFilesWatch& watch)
      : files_(files), results_(results), report_(report), watch_(watch) {}

  Result<void> put(std::size_t index, Result<std::span<const float>> logits) override;

 private:
  Result<void> end_input(const Input& file);
  Result<void> end_broken(const Input& file, const Error& error);

  std::span<const Input> files_;
  RunResults& results_;
  InferFilesReport& report_;
  const InferFilesWatch& watch_;

  std::size_t input_ = 0;
  int rows_ = 0;  // of this input that were heard
  std::vector<float> logits_;
  std::optional<Error> error_;  // of its first row that has no answer
};

}  // namespace smlp
