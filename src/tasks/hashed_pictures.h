// Pictures whose very bytes are recorded on the way: the source of `preprocess`.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "data/preprocess_journal.h"
#include "pipeline/source.h"
#include "tasks/input_source.h"

namespace smlp {

class HashedPictures final : public Source {
 public:
  // `inputs`, all of them pictures, must outlive it.
  explicit HashedPictures(std::span<const Input> inputs) : inputs_(inputs), records_(inputs.size()) {}

  std::size_t size() const override { return records_.size(); }
  Result<Reading> read(std::size_t index, Room& room) override;
  void examine(std::size_t index, const Reading& reading) override;
  std::string name(std::size_t index) const override { return inputs_[index].name(); }

  // What is known of a picture that came through the pass, once.
  PictureRecord take_record(std::size_t index) { return std::move(records_[index]); }

 private:
  Result<Reading> read_member(const Input& input, PictureRecord& record, Room& room);

  std::span<const Input> inputs_;
  std::vector<PictureRecord> records_;
  ArchiveReaders readers_;
};

}  // namespace smlp
