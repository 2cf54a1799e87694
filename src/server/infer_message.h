// An inference request of the Open Inference Protocol over gRPC, and its answer.
#pragma once

#include "server/infer_output.h"

namespace inference {
class ModelInferRequest;
class ModelInferResponse;
}  // namespace inference

namespace smlp::server {

// The pictures are those of the message's memory. They come as raw_input_contents, or in the input's contents.
Answer<InferRequest> read_infer_message(const inference::ModelInferRequest& message, const InputShape& shape);

// Always as raw_output_contents. Errors: those of infer_output().
Answer<void> write_infer_message(const ServedModel& model, const InferRequest& request, std::span<const Logits> logits,
                                 inference::ModelInferResponse& message);

}  // namespace smlp::server
