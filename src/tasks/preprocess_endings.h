// What a run of `preprocess` writes once all its bins are there: labels.npy and manifest.jsonl.
#pragma once

#include "tasks/preprocess_run.h"

namespace smlp {

// The journal lists both files before they are written. Errors: not one picture could be read.
Result<void> write_endings(const PreprocessRun& run, const Journal& journal);

}  // namespace smlp
