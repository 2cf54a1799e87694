// Which files a folder offers, by one set of rules for all commands.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace smlp {

enum class InputKind { bin, npy, picture };

// True for the extensions that torchvision's ImageFolder takes (.jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp, in any
// case).
bool has_picture_extension(std::string_view name);

// True for the first 8 bytes, or more, of a JPEG or a PNG.
bool is_picture_start(std::string_view bytes);

// True for .tar (and .tar.gz and the like, which opening refuses), in any case, and for a regular file of no extension
// of ours whose first header is that of a tar.
bool looks_like_tar(const std::filesystem::path& file);

// What systems leave in folders and archives: names that start with a dot (.DS_Store, ._photo.jpg), Thumbs.db,
// desktop.ini and __MACOSX. `name`: one part of a path.
bool is_junk(std::string_view name);

// True for a folder in which infer or merge keeps results: its arrays are no pictures, wherever the folder lies.
bool holds_results(const std::filesystem::path& folder);

// True for a folder in which preprocess keeps bins: it is no class of pictures.
bool holds_bins(const std::filesystem::path& folder);

struct FoundFile {
  std::filesystem::path path;
  InputKind kind = InputKind::picture;
};

// All in natural order of their paths.
struct FolderListing {
  std::vector<FoundFile> files;                 // pictures, .bin and .npy, but no labels.npy
  std::vector<std::filesystem::path> archives;  // .tar
  std::vector<std::filesystem::path> others;    // other regular files, and folders of results
};

// Walks `folder` with all its subfolders. Junk is left out, and so are pipes, sockets and devices, and subfolders of
// results, which `others` names; links are followed, a loop of links is cut. A link to nothing is listed where its name
// is an input's, so that whoever opens it reports it. Errors name the folder that cannot be listed, and a folder whose
// links lead round and round.
Result<FolderListing> list_folder(const std::filesystem::path& folder);

}  // namespace smlp
