// A model with the names of its classes, as commands want it.
#pragma once

#include <filesystem>

#include "data/class_list.h"
#include "smlp/model.h"
#include "tasks/preprocess_overrides.h"

namespace smlp {

struct NamedModel {
  Model model;
  ClassList classes;
};

// Loads `path`, or the bundled model where it is empty. `class_file` (may be empty) replaces the names that the file
// carries; see read_class_list(). `preprocess` changes how pictures become its input.
Result<NamedModel> load_named_model(const std::filesystem::path& path, const std::filesystem::path& class_file,
                                    const PreprocessOverrides& preprocess = {});

}  // namespace smlp
