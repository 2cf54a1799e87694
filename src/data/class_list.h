// Class names that come as a text file, and which class a folder stands for.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace smlp {

struct ClassList {
  std::vector<std::string> names;       // by class index
  std::vector<std::string> wnids = {};  // "n01440764", by class index; empty where the file gives none
};

// One class a line, in the order of the indices: `name`, or `n01440764 name` as in lists of ImageNet's classes (all
// lines or none). CRLF line ends and a byte order mark are dropped. Errors name the line: empty, not UTF-8; and a
// number of lines other than `classes`.
Result<ClassList> read_class_list(const std::filesystem::path& path, int classes);

enum class LabelRule {
  by_position,  // class folder i, sorted by name, is class i: ImageFolder's rule
  by_name,      // a class folder's name is a class's name
  by_wnid,      // a class folder's name is a class's WordNet id
};

struct LabelMap {
  std::vector<int> class_of_folder;
  LabelRule rule = LabelRule::by_position;
};

// Folders that are all named as classes (or wnids) of the model are those classes, however many they are and however
// they sort; else there must be as many folders as classes, and the position decides. Errors: another number of folders
// than classes, saying which of them would be needed.
Result<LabelMap> map_labels(std::span<const std::string> folders, int classes, const ClassList& list);

}  // namespace smlp
