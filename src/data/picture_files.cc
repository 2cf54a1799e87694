#include "data/picture_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/folder.h"
#include "base/natural_order.h"
#include "base/open_file.h"
#include "base/system_error.h"
#include "data/bin_folder.h"
#include "data/run_record.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtensions[] = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"};
constexpr std::string_view kJpegStart = "\xFF\xD8\xFF";
constexpr std::string_view kPngStart = "\x89PNG\r\n\x1A\n";
constexpr int kMaxLinkedFolders = 10'000;

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::string extension_of(std::string_view name) {
  name.remove_prefix(std::min(name.find_last_of('/') + 1, name.size()));
  const std::size_t dot = name.find_last_of('.');
  return dot == std::string_view::npos || dot == 0 ? std::string() : lower(name.substr(dot));
}

std::optional<InputKind> kind_by_name(const fs::path& path) {
  const std::string extension = extension_of(path.native());
  if (extension == ".bin") return InputKind::bin;
  if (extension == ".npy") return InputKind::npy;
  if (std::ranges::find(kExtensions, extension) != std::end(kExtensions)) return InputKind::picture;
  return std::nullopt;
}

// What preprocess leaves beside its folder of bins.
bool holds_labels(const fs::path& path) { return path.filename() == "labels.npy"; }

class Walk {
 public:
  Result<void> run(const fs::path& folder) {
    struct stat info = {};
    if (::stat(folder.c_str(), &info) != 0) return system_error("list the folder", errno, folder);
    const Place here = {info.st_dev, info.st_ino};
    if (std::ranges::find(above_, here) != above_.end()) return {};  // a link that leads back
    above_.push_back(here);
    SMLP_TRY(entries, folder_entries(folder));
    for (const FolderEntry& entry : entries) SMLP_CHECK(take(entry));
    above_.pop_back();
    return {};
  }

  FolderListing listing;

 private:
  using Place = std::pair<dev_t, ino_t>;

  Result<void> take(const FolderEntry& entry) {
    const fs::path& path = entry.path;
    if (is_junk(path.filename().native())) return {};
    const fs::file_type target = entry.target();
    const bool link = entry.is_link();
    if (target == fs::file_type::directory) {
      if (link && ++linked_ > kMaxLinkedFolders) {
        return fail(Error{.what = fmt::format("links lead to more than {} folders here", kMaxLinkedFolders),
                          .file = path.string(),
                          .remedy = "delete links between folders, or give the folders that are meant"});
      }
      if (holds_results(path)) return listing.others.push_back(path), Result<void>();
      return run(path);
    }
    const bool broken_link = link && target == fs::file_type::not_found;
    if (target != fs::file_type::regular && !broken_link) return {};
    if (const auto kind = kind_by_name(path); kind && !holds_labels(path)) {
      listing.files.push_back({path, *kind});
    } else if (broken_link) {
      return {};
    } else if (extension_of(path.native()) == ".tar") {
      listing.archives.push_back(path);
    } else if (is_picture_start(read_start(path, kPngStart.size()).value_or(""))) {
      listing.files.push_back({path, InputKind::picture});
    } else {
      listing.others.push_back(path);
    }
    return {};
  }

  std::vector<Place> above_;  // the folders that lead to the one that is listed
  int linked_ = 0;            // folders that were entered through a link
};

bool natural(const fs::path& a, const fs::path& b) { return natural_less(a.native(), b.native()); }

}  // namespace

bool is_picture_start(std::string_view bytes) { return bytes.starts_with(kJpegStart) || bytes.starts_with(kPngStart); }

bool has_picture_extension(std::string_view name) {
  return std::ranges::find(kExtensions, extension_of(name)) != std::end(kExtensions);
}

bool looks_like_tar(const fs::path& file) {
  const std::string extension = extension_of(file.native());
  // Compressed ones too, so that whoever opens them says so.
  if (extension == ".tar" || extension == ".tgz" || extension_of(file.stem().native()) == ".tar") return true;
  if (kind_by_name(file)) return false;
  constexpr std::size_t kMagicAt = 257;  // "ustar", then a zero byte (POSIX) or a space (GNU)
  return read_start(file, kMagicAt + 5).value_or("").substr(0, kMagicAt + 5).ends_with("ustar");
}

bool is_junk(std::string_view name) {
  if (name.starts_with('.')) return true;
  const std::string folded = lower(name);
  return folded == "thumbs.db" || folded == "desktop.ini" || folded == "__macosx";
}

bool holds_results(const fs::path& folder) { return name_is_taken(folder / kRunRecord); }
bool holds_bins(const fs::path& folder) { return name_is_taken(folder / kPreprocessJournal); }

Result<FolderListing> list_folder(const fs::path& folder) {
  Walk walk;
  SMLP_CHECK(walk.run(folder));
  FolderListing listing = std::move(walk.listing);
  std::ranges::sort(listing.files, natural, &FoundFile::path);
  std::ranges::sort(listing.archives, natural);
  std::ranges::sort(listing.others, natural);
  return listing;
}

}  // namespace smlp
