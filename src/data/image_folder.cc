#include "data/image_folder.h"

#include <algorithm>
#include <tuple>

#include "base/folder.h"
#include "data/picture_files.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

// `loose`, where it is given, gets the pictures that lie in no class folder, and what we wrote there.
Result<std::vector<std::string>> class_folders(const fs::path& root, std::vector<fs::path>* loose = nullptr) {
  if (std::error_code ignored; fs::exists(root, ignored) && !fs::is_directory(root, ignored)) {
    return fail(Error{.what = "cannot list the folder: Not a directory",
                      .file = root.string(),
                      .remedy = "a folder with one subfolder per class is expected"});
  }
  SMLP_TRY(entries, folder_entries(root));
  std::vector<std::string> names;
  for (const FolderEntry& entry : entries) {
    std::string name = entry.name();
    if (is_junk(name)) continue;
    const bool folder = entry.is_folder();
    const bool ours = folder && (holds_results(entry.path) || holds_bins(entry.path));
    if (folder && !ours) {
      names.push_back(std::move(name));
    } else if (loose != nullptr && (ours || has_picture_extension(name))) {
      loose->push_back(entry.path);
    }
  }
  std::ranges::sort(names);
  if (loose != nullptr) std::ranges::sort(*loose);
  return names;
}

// A folder `val` is the data set itself where it holds class folders.
Result<fs::path> find_root(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder / "val", ignored)) return folder;
  SMLP_TRY(inside, class_folders(folder / "val"));
  return inside.empty() ? folder : folder / "val";
}

// torchvision sorts folders by their whole path, then the files of each.
bool torchvision_less(const fs::path& a, const fs::path& b) {
  return std::tuple(a.parent_path().native(), a.filename().native()) <
         std::tuple(b.parent_path().native(), b.filename().native());
}

}  // namespace

Result<ImageFolder> read_image_folder(const fs::path& folder) {
  SMLP_TRY(root, find_root(folder));
  ImageFolder data{.root = root};
  SMLP_TRY(classes, class_folders(root, &data.others));
  data.classes = classes;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    SMLP_TRY(listing, list_folder(root / classes[label]));
    std::vector<fs::path> pictures;
    for (FoundFile& file : listing.files) {
      (file.kind == InputKind::picture ? pictures : data.others).push_back(std::move(file.path));
    }
    for (const auto* files : {&listing.others, &listing.archives}) {
      data.others.insert(data.others.end(), files->begin(), files->end());
    }
    if (pictures.empty()) data.empty_classes.push_back(classes[label]);
    std::ranges::sort(pictures, torchvision_less);
    for (fs::path& file : pictures) data.pictures.push_back({std::move(file), static_cast<int>(label)});
  }
  if (data.pictures.empty()) {
    return fail(
        Error{.what = classes.empty() ? "the folder holds no class folders" : "the class folders hold no picture",
              .file = root.string(),
              .remedy = "expected are pictures at FOLDER/CLASS/PICTURE"});
  }
  return data;
}

}  // namespace smlp
