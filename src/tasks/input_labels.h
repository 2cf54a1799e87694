// Which pictures a run of `infer` is given, with their labels where the inputs have them.
#pragma once

#include <span>

#include "data/input_manifest.h"
#include "data/inputs.h"
#include "data/label_map.h"

namespace smlp {

// Bins have the labels of find_bin_labels(), where every one of them fits, pictures those of their list or shard;
// labels and class folders are what map_labels() makes of them, where it knows all among the model's `classes` classes.
// Errors: label files that are damaged.
Result<InputManifest> describe_inputs(const Inputs& inputs, int classes, const ClassList& list);

}  // namespace smlp
