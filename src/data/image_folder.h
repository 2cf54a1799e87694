// A labelled data set as torchvision's ImageFolder lays it out: one folder per class.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace smlp {

struct LabelledPicture {
  std::filesystem::path file;
  int label = 0;  // index into ImageFolder::classes
};

struct ImageFolder {
  std::filesystem::path root;             // the folder that holds the class folders
  std::vector<std::string> classes = {};  // names of the class folders, sorted by byte
  // By class; inside a class sorted by folder, then by file name: torchvision's order.
  std::vector<LabelledPicture> pictures = {};
  // Left out, as torchvision does: files in class folders that are no pictures, pictures that lie in no class folder.
  std::vector<std::filesystem::path> others = {};
  std::vector<std::string> empty_classes = {};  // class folders without a picture; each still counts as a class
};

// `folder` holds the class folders, or a folder `val` that holds them. What counts as a picture and what is left out:
// list_folder(). Errors: no such folder, no class folder, no picture in any, a folder that cannot be
// listed.
Result<ImageFolder> read_image_folder(const std::filesystem::path& folder);

}  // namespace smlp
