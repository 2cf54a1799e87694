// Which class of the model each class folder, or each label of a list or shard, stands for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/class_list.h"

namespace smlp {

enum class LabelRule {
  position,  // class folder i, sorted by name, is class i: torchvision's ImageFolder
  index,     // a folder's name is the number of a class
  name,      // a folder's name is a class's name or one of its synonyms
  wnid,      // a folder's name is a class's WordNet id
};

std::string_view label_rule_name(LabelRule rule);  // "position", "index", "name", "wnid"
std::optional<LabelRule> find_label_rule(std::string_view name);

// "12" -> 12; nothing for other words.
std::optional<std::int64_t> whole_number(std::string_view word);

struct LabelMap {
  std::vector<int> class_of_folder;
  LabelRule rule = LabelRule::position;
};

// Who the words are of. Folders are one a class, so that two may not mean the same one; labels of pictures may.
enum class LabelWords { folders, labels };

// Matches folders, sorted by name, with the classes of a model. Unless `wanted` fixes the rule, it is
//   wnid      where every folder is named by a WordNet id that `list` knows;
//   name      where every folder is named as a class: by the whole name ("tench, Tinca tinca") or by a synonym between
//             its commas, in any case, with underscores for spaces;
//   position  where `list` has neither names nor ids, so that nothing else is known. As many folders as classes are
//             needed.
// Labels of lists and shards that are all whole numbers are the numbers of the model's classes, as in ImageNet's
// val.txt, unless the model's classes have such names; they are never matched by position.
// There is no other fallback. Errors, each with the folders in question: some or all of them match no class, one
// matches several classes (ImageNet has two cranes), two match the same class, another number of folders than classes.
Result<LabelMap> map_labels(std::span<const std::string> folders, int classes, const ClassList& list,
                            std::optional<LabelRule> wanted = std::nullopt, LabelWords words = LabelWords::folders);

}  // namespace smlp
