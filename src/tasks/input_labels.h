// Which pictures a run of `infer` is given, with their labels where the inputs have them.
#pragma once

#include <span>

#include "data/input_files.h"
#include "data/input_manifest.h"

namespace smlp {

// Bins have the labels of find_bin_labels(), where every one of them fits. Errors: label files that are damaged.
Result<InputManifest> describe_inputs(std::span<const InputFile> files);

}  // namespace smlp
