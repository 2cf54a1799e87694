// A list of inputs: a text of a path a line, or of a path and its label.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace smlp {

// Where a path of a list leads to something: from the working folder, from the list's own folder, to different files in
// both, or nowhere. An absolute path, and one that leads to the same file from both, is `here`.
enum class ListPlace { nowhere, here, beside, both };
using FindPlace = std::function<ListPlace(std::string_view path)>;

struct ListLine {
  std::string path;   // as it is written
  std::string label;  // a class's number, name or WordNet id; empty in a list without labels
  int number = 1;
};

struct PathList {
  std::vector<ListLine> lines;
  bool labelled = false;  // every line has a label, or none has
  bool beside = false;    // relative paths are meant from the list's folder, not from the working folder
};

// A list has a path a line, or `path label` as ImageNet's val.txt has it: a tab between, or spaces, of which the last
// ones count (so that a path may have some, and a label after spaces none). Blank lines are skipped, CRLF and a byte
// order mark are dropped, and nothing is a comment, since names may start with any character.
//
// What lies on the disk tells which of the two a line is: `a 1.jpg 3` is a labelled line where `a 1.jpg` is there and
// `a 1.jpg 3` is not. Where both are there the line is refused; so are lists in which some lines have labels and some
// have none, in which some paths are found only from the working folder and others only beside the list, and in which a
// path means another file in each. Errors have the number of the line.
Result<PathList> parse_list(std::string_view text, const FindPlace& find);

}  // namespace smlp
