// A session's road for pictures, for whoever brings a source and a sink of his own.
#pragma once

#include "pipeline/pipeline.h"
#include "smlp/session.h"

namespace smlp {

// What a pass of this session's model needs to know; add what the pass wants of its own.
PipelineOptions pass_options(const Session& session);

// run_pipeline() on the session's threads and weights.
Result<void> run_pass(Session& session, Source& source, Sink& sink, const PipelineOptions& options);

}  // namespace smlp
