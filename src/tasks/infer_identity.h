// What tells one run of `infer` from another: nothing of a run may be resumed by one that would give other results.
#pragma once

#include <span>
#include <string>

#include "data/inputs.h"
#include "data/run_record.h"
#include "tasks/infer_files.h"

namespace smlp {

// Of what the inputs are, members of archives among them, wherever and whenever they were written.
std::string list_sha256(std::span<const Input> files);

RunIdentity identity_of(const InferFilesOptions& options, const Inputs& inputs, int classes);

}  // namespace smlp
