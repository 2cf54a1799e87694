// The answer to an inference request of the Open Inference Protocol.
#pragma once

#include <span>

#include "server/served_model.h"

namespace smlp::server {

// Logits as output 'output', FP32 [N, classes]; or, where a classification was asked for, BYTES [N, k] of
// "value:index:label", the best first. JSON, or binary behind a short JSON header if the request wants it.
// Errors: 500 for logits that are not finite, which neither JSON nor a ranking can show.
Answer<Reply> write_infer_response(const ServedModel& model, const InferRequest& request,
                                   std::span<const Logits> logits);

}  // namespace smlp::server
