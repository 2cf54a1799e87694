// The answer to an inference request of the Open Inference Protocol over HTTP.
#pragma once

#include "server/infer_output.h"

namespace smlp::server {

// JSON, or binary behind a short JSON header if the request wants it. Errors: those of infer_output().
Answer<Reply> write_infer_response(const ServedModel& model, const InferRequest& request,
                                   std::span<const Logits> logits);

}  // namespace smlp::server
