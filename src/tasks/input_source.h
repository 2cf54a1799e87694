// Inputs of every kind on their way into a pass: pictures, and the rows of prepared files.
#pragma once

#include <mutex>
#include <span>
#include <vector>

#include "data/input_files.h"
#include "data/input_rows.h"
#include "pipeline/source.h"

namespace smlp {

// Picture i of the pass is a row of an input; inputs follow one another with all their rows. `files` must outlive it.
class InputSource final : public Source {
 public:
  InputSource(std::span<const InputFile> files, const InputSpec& spec);

  std::size_t size() const override { return first_.back(); }
  Result<Reading> read(std::size_t index, Room& room) override;
  std::string name(std::size_t index) const override { return file_of(index).path.string(); }

 private:
  // A prepared file is opened by whoever needs its first row, and closed after its last.
  struct Open {
    std::mutex mutex;
    std::shared_ptr<const InputRows> rows;
    int asked = 0;
  };

  std::size_t input_of(std::size_t index) const;
  const InputFile& file_of(std::size_t index) const { return files_[input_of(index)]; }
  Result<std::shared_ptr<const InputRows>> open(std::size_t input);

  std::span<const InputFile> files_;
  const InputSpec spec_;
  std::vector<std::size_t> first_;  // picture of each input, and behind the last one the number of pictures
  std::vector<Open> open_;
};

}  // namespace smlp
