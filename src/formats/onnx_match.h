// Terms -> the weights of an sMLPNet by role.
#pragma once

#include "formats/onnx_graph.h"
#include "formats/onnx_terms.h"
#include "model/weights.h"

namespace smlp::graph {

// Walks from the picture to the logits and takes the weights out of `terms`. The error names the node at which the
// network stops being an sMLPNet and says what was expected there.
Result<Weights> match_network(const Graph& graph, Terms& terms, int logits);

}  // namespace smlp::graph
