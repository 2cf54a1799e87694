// Picture files -> network input, on several threads.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "smlp/preprocess.h"

namespace smlp {

class ThreadPool;

class PictureLoader {
 public:
  PictureLoader(const Preprocess& how, int threads);
  PictureLoader(PictureLoader&&) noexcept;
  ~PictureLoader();

  // Floats of one picture: 3 x crop x crop.
  std::size_t picture_floats() const;

  // Decodes and preprocesses files[i] into row i of `rows` (files.size() x picture_floats()). A thread that is done
  // with a picture takes the next, so one large picture holds up nobody else. Result i says what became of file i; the
  // rows of failed files are not written. One call at a time.
  std::vector<Result<void>> load(std::span<const std::filesystem::path> files, std::span<float> rows);

 private:
  Preprocess how_;
  std::unique_ptr<ThreadPool> pool_;
};

}  // namespace smlp
