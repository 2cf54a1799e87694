// A model with the names of its classes, as commands want it.
#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "data/class_list.h"
#include "model/tensor.h"
#include "smlp/model.h"
#include "tasks/preprocess_overrides.h"

namespace smlp {

struct NamedModel {
  Model model;
  ClassList classes;
};

// Names of the classes in place of those that the file carries: a file of them (see read_class_list()), or the names
// themselves, by class index. Either may be empty: the file's own.
using ClassNames = std::variant<std::filesystem::path, std::vector<std::string>>;

// Loads `path`, or the bundled model where it is empty. `preprocess` changes how pictures become its input.
Result<NamedModel> load_named_model(const std::filesystem::path& path, const ClassNames& names,
                                    const PreprocessOverrides& preprocess = {});

// The same from tensors in memory: a state dict, or a checkpoint that holds one, under the rules for files.
Result<NamedModel> named_model_of_tensors(const TensorFile& tensors, const ClassNames& names,
                                          const PreprocessOverrides& preprocess = {});

}  // namespace smlp
