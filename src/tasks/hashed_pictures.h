// Pictures whose very bytes are recorded on the way: the source of `preprocess`.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "data/preprocess_journal.h"
#include "pipeline/source.h"

namespace smlp {

class HashedPictures final : public Source {
 public:
  HashedPictures(std::size_t count, std::function<const std::filesystem::path&(std::size_t)> path)
      : path_(std::move(path)), records_(count) {}

  std::size_t size() const override { return records_.size(); }
  Result<Reading> read(std::size_t index, Room& room) override;
  void examine(std::size_t index, const Reading& reading) override;
  std::string name(std::size_t index) const override { return path_(index).string(); }

  // What is known of a picture that came through the pass, once.
  PictureRecord take_record(std::size_t index) { return std::move(records_[index]); }

 private:
  std::function<const std::filesystem::path&(std::size_t)> path_;
  std::vector<PictureRecord> records_;
};

}  // namespace smlp
