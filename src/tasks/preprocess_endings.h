// What a run of `preprocess` writes once all its bins are there: labels.npy and manifest.jsonl.
#pragma once

#include "tasks/preprocess_run.h"

namespace smlp {

// A labels.npy or a manifest with other bytes than the journal lists belongs to somebody else: an error.
Result<void> refuse_foreign_endings(const PreprocessRun& run, const Journal& journal);

// The journal lists both files before they are written. Errors: not one picture could be read; endings of somebody
// else.
Result<void> write_endings(const PreprocessRun& run, const Journal& journal);

}  // namespace smlp
