// The names of a model's classes, and a text file of them.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace smlp {

struct ClassList {
  std::vector<std::string> names;       // by class index
  std::vector<std::string> wnids = {};  // "n01440764", by class index; empty where the file gives none
};

// "n01440764": the letter n and eight digits.
bool is_wnid(std::string_view word);

// One class a line, in the order of the indices: `name`, or `n01440764 name` as in lists of ImageNet's classes (all
// lines or none). CRLF line ends and a byte order mark are dropped. Errors name the line: empty, not UTF-8; and a
// number of lines other than `classes`.
Result<ClassList> read_class_list(const std::filesystem::path& path, int classes);

// The list, if it names every one of `classes` classes; WordNet ids are set apart as in lines of a file.
Result<ClassList> check_class_list(ClassList list, int classes);

}  // namespace smlp
