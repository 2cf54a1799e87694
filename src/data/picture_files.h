// Which files of a folder are pictures.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"

namespace smlp {

// True for the extensions that torchvision's ImageFolder takes (.jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp, in any
// case) and for any other file whose first bytes are those of a JPEG or a PNG.
bool looks_like_picture(const std::filesystem::path& file);

// True for a file that starts as a JPEG or a PNG. Errors: one that cannot be opened.
Result<bool> starts_as_picture(const std::filesystem::path& file);

struct FolderListing {
  std::vector<std::filesystem::path> pictures;  // `folder`/..., unsorted
  std::vector<std::filesystem::path> others;    // regular files that are no pictures
};

// Walks `folder` with all its subfolders; links are followed, a loop of links is cut. Hidden files and folders (those
// whose names start with a dot) are left out. A link to nothing is listed where its name is a picture's, so that
// whoever opens it reports it. Errors name the folder that cannot be listed.
Result<FolderListing> list_folder(const std::filesystem::path& folder);

// The pictures of `folder` in natural order of their paths. No picture at all is an error.
Result<std::vector<std::filesystem::path>> list_pictures(const std::filesystem::path& folder);

}  // namespace smlp
