// The pictures of a test, in memory.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "query_sample_library.h"
#include "smlp/batcher.h"

namespace smlp::loadgen {

// LoadGen says which samples it will ask for; loading them is not timed. Prepared samples are tensors, as LoadGen's
// rules allow for classification; encoded ones are the files' bytes, so that decoding is timed.
class Library : public mlperf::QuerySampleLibrary {
 public:
  Library(Model model, std::vector<std::string> files, bool encoded);

  const std::string& Name() override { return name_; }
  std::size_t TotalSampleCount() override { return files_.size(); }
  std::size_t PerformanceSampleCount() override { return files_.size(); }  // the configuration may name fewer
  void LoadSamplesToRam(const std::vector<mlperf::QuerySampleIndex>& samples) override;
  void UnloadSamplesFromRam(const std::vector<mlperf::QuerySampleIndex>& samples) override;

  // A loaded sample; it lives until it is unloaded.
  BatcherInput sample(mlperf::QuerySampleIndex index) const;

  // The first picture that could not be loaded; empty where all could.
  std::string error() const;

 private:
  void load(mlperf::QuerySampleIndex index);

  std::string name_;
  Model model_;
  std::vector<std::string> files_;
  bool encoded_;
  std::vector<std::vector<float>> tensors_;    // by sample; empty where it is not loaded
  std::vector<std::vector<std::byte>> bytes_;  // the same
  mutable std::mutex mutex_;
  std::string error_;
};

}  // namespace smlp::loadgen
