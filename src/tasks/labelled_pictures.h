// Pictures whose classes are known, as evaluate() takes them.
#pragma once

#include <string>
#include <vector>

#include "data/class_list.h"
#include "data/inputs.h"
#include "data/label_map.h"

namespace smlp {

// A class that the data set has.
struct DataClass {
  int index = 0;       // of the model
  std::string folder;  // that holds its pictures, or the word that labels them
  std::string name;    // "church, church building", or "class 4"

  bool operator==(const DataClass&) const = default;
};

// "church, church building", or "class 4" where the model carries no names.
std::string class_name(const ClassList& list, int index);

struct LabelledPictures {
  std::vector<int> labels = {};         // the model's class of each
  std::vector<DataClass> classes = {};  // by index
  std::string label_rule = {};          // "wnid"
  std::string label_source = {};        // "folders"
  std::string list_sha256 = {};         // of relative names, sizes and classes: the same on every machine
  std::string identity_sha256 = {};     // of times of change as well
};

std::string_view label_source_name(LabelSource source);  // "none", "folders", "list", "shards", "bins", "several"

// map_labels() of the words that these inputs are labelled with.
Result<LabelMap> map_labels_of(const Inputs& data, int classes, const ClassList& list,
                               std::optional<LabelRule> wanted = std::nullopt);

// As many labels as pictures in each input: a list has one for a file, labels.npy one for each picture of a bin. After
// check_prepared().
Result<void> check_label_counts(std::span<const Input> inputs);

// All of them must have labels.
LabelledPictures labelled_pictures(const Inputs& data, const LabelMap& labels, const ClassList& list);

}  // namespace smlp
