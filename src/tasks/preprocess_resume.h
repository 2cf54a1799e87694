// What earlier runs of `preprocess` left, and how this one goes on after it.
#pragma once

#include "tasks/preprocess_run.h"

namespace smlp {

// The batches that an earlier run recorded and whose bins and pictures are as it recorded them; none where there is no
// trace of a run. With `force`, what earlier runs made is deleted first. Call it with both folders locked.
//
// Errors: an earlier run with other settings or pictures, pictures that changed since, and files that no run recorded
// and that this one would have to replace.
Result<Journal> find_start(const PreprocessRun& run);

}  // namespace smlp
