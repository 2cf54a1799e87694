#include "data/picture_files.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/natural_order.h"
#include "base/open_file.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtensions[] = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"};
constexpr std::string_view kJpegStart = "\xFF\xD8\xFF";
constexpr std::string_view kPngStart = "\x89PNG\r\n\x1A\n";

bool has_picture_extension(const fs::path& file) {
  std::string extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::find(kExtensions, extension) != std::end(kExtensions);
}

Error cannot_list(const fs::path& folder, const std::error_code& code) {
  return {.what = "cannot list the folder: " + code.message(),
          .file = folder.string(),
          .remedy = code == std::errc::permission_denied ? "check the folder's permissions" : ""};
}

// `above`: the canonical paths of the folders that lead here.
Result<void> walk(const fs::path& folder, std::vector<fs::path>& above, FolderListing& listing) {
  std::error_code code;
  const fs::path here = fs::canonical(folder, code);
  if (std::ranges::find(above, here) != above.end()) return {};
  above.push_back(here);
  fs::directory_iterator entry(folder, code);
  if (code) return fail(cannot_list(folder, code));
  for (; entry != fs::directory_iterator(); entry.increment(code)) {
    const fs::path path = entry->path();
    if (path.filename().native().starts_with('.')) continue;
    std::error_code ignored;
    const fs::file_status status = entry->status(ignored);
    if (fs::is_directory(status)) {
      SMLP_CHECK(walk(path, above, listing));
    } else if (fs::is_regular_file(status)) {
      (looks_like_picture(path) ? listing.pictures : listing.others).push_back(path);
    } else if (entry->is_symlink(ignored) && !fs::exists(status) && has_picture_extension(path)) {
      listing.pictures.push_back(path);
    }
  }
  if (code) return fail(cannot_list(folder, code));
  above.pop_back();
  return {};
}

}  // namespace

Result<bool> starts_as_picture(const fs::path& file) {
  SMLP_TRY(start, read_start(file, kPngStart.size()));
  return start.starts_with(kJpegStart) || start.starts_with(kPngStart);
}

bool looks_like_picture(const fs::path& file) {
  return has_picture_extension(file) || starts_as_picture(file).value_or(false);
}

Result<FolderListing> list_folder(const fs::path& folder) {
  FolderListing listing;
  std::vector<fs::path> above;
  SMLP_CHECK(walk(folder, above, listing));
  return listing;
}

Result<std::vector<fs::path>> list_pictures(const fs::path& folder) {
  SMLP_TRY(listing, list_folder(folder));
  if (listing.pictures.empty()) {
    return fail(Error{.what = "the folder holds no picture",
                      .file = folder.string(),
                      .remedy = "JPEG and PNG files are looked for, in subfolders too"});
  }
  std::ranges::sort(listing.pictures,
                    [](const fs::path& a, const fs::path& b) { return natural_less(a.native(), b.native()); });
  return std::move(listing.pictures);
}

}  // namespace smlp
