#include "pipeline/picture_loader.h"

#include <atomic>
#include <exception>

#include "base/thread_pool.h"
#include "image/preprocess.h"

namespace smlp {

PictureLoader::PictureLoader(const Preprocess& how, int threads)
    : how_(how), pool_(std::make_unique<ThreadPool>(threads)) {}

PictureLoader::PictureLoader(PictureLoader&&) noexcept = default;
PictureLoader::~PictureLoader() = default;

std::size_t PictureLoader::picture_floats() const {
  return 3 * static_cast<std::size_t>(how_.crop) * static_cast<std::size_t>(how_.crop);
}

std::vector<Result<void>> PictureLoader::load(std::span<const std::filesystem::path> files, std::span<float> rows) {
  std::vector<Result<void>> results(files.size());
  std::atomic<std::size_t> next = 0;
  auto job = [&](int) {
    for (std::size_t i = next++; i < files.size(); i = next++) {
      try {
        results[i] = preprocess_file(files[i], how_, rows.subspan(i * picture_floats(), picture_floats()));
      } catch (const std::exception& error) {  // memory ran out
        results[i] = fail(Error{.what = error.what(), .file = files[i].string()});
      }
    }
  };
  pool_->run(job);
  return results;
}

}  // namespace smlp
