// Listed inputs on their way into a pass: pictures, members of archives, and the rows of prepared files.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "data/input_check.h"
#include "data/input_rows.h"
#include "pipeline/source.h"
#include "smlp/model.h"

namespace smlp {

// What a picture of this model is; `max_rows` as in InputSpec.
InputSpec input_spec(const Model& model, int max_rows = 0);

// Hands out readers of archives and keeps the last few open: a pass goes through its archives in order, and there may
// be more of them than a process may have files. Any number of threads may ask.
class ArchiveReaders {
 public:
  Result<std::shared_ptr<const TarReader>> of(const TarArchive& archive);

 private:
  std::mutex mutex_;
  std::vector<std::pair<const TarArchive*, std::shared_ptr<const TarReader>>> open_;  // the oldest first
};

// The bytes of a picture that lies in an archive.
Result<Reading> read_member(const Input& input, ArchiveReaders& readers, Room& room);

// Picture i of the pass is a row of an input; inputs follow one another with all their rows. `inputs` must outlive it.
class InputSource final : public Source {
 public:
  InputSource(std::span<const Input> inputs, const InputSpec& spec);

  std::size_t size() const override { return first_.back(); }
  Result<Reading> read(std::size_t index, Room& room) override;
  // That of the input; of a file of several pictures with the row: "batch-00000.bin[3]".
  std::string name(std::size_t index) const override;

 private:
  // A prepared file is opened by whoever needs its first row, and closed after its last.
  struct Open {
    std::mutex mutex;
    std::shared_ptr<const InputRows> rows;
    int asked = 0;
  };

  std::size_t input_of(std::size_t index) const;
  Result<std::shared_ptr<const InputRows>> open(std::size_t input);
  Result<Reading> read_row(std::size_t input, int row, Room& room);

  std::span<const Input> inputs_;
  const InputSpec spec_;
  std::vector<std::size_t> first_;           // picture of each input, and behind the last one the number of pictures
  std::vector<std::unique_ptr<Open>> open_;  // by input; null for a picture
  ArchiveReaders readers_;
};

}  // namespace smlp
