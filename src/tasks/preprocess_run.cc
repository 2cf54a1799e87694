#include "tasks/preprocess_run.h"

#include "base/atomic_file.h"
#include "base/sha256.h"

namespace smlp {
namespace {

std::string listing_sha256(const PreprocessRun& run) {
  std::string listing;
  for (std::size_t i = 0; i < run.folder.pictures.size(); ++i) {
    listing += run.name(i) + '\0' + std::to_string(run.folder.pictures[i].label) + '\n';
  }
  return sha256_of(std::as_bytes(std::span(listing)));
}

}  // namespace

std::string PreprocessRun::name(std::size_t picture) const {
  return folder.pictures[picture].file.lexically_relative(options.data_root).string();
}

Result<PreprocessRun> PreprocessRun::open(const PreprocessFolderOptions& options) {
  if (options.batch_size < 1) return fail("a batch of {} pictures; 1 or more are needed", options.batch_size);
  SMLP_TRY(folder, read_image_folder(options.data_root));
  SMLP_CHECK(make_directories(options.save_dir));
  std::error_code code;
  // So that the parent of "bins/" and of "." is right.
  const std::filesystem::path real = std::filesystem::canonical(options.save_dir, code);
  if (code) return system_error("open the folder", code.value(), options.save_dir);
  PreprocessRun run{.options = options, .folder = std::move(folder), .parent = real.parent_path()};
  run.header = {.batch_size = options.batch_size,
                .pictures = run.folder.pictures.size(),
                .listing_sha256 = listing_sha256(run),
                .how = options.how};
  return run;
}

}  // namespace smlp
