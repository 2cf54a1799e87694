// What is around the graph of every ONNX file that we write. Includes protobuf's headers: for .cc files of the exporter
// only.
#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <functional>

#include "formats/onnx_export.h"

namespace smlp::graph {

// The graph's name, input and output.
void describe_network(onnx::GraphProto& graph, const Config& config);

// Writes a model whose graph `fill` makes. Returns its size in bytes. Errors as in onnx_export.h.
Result<std::uint64_t> write_model(const OnnxExportOptions& options, const std::filesystem::path& path,
                                  const std::function<void(onnx::GraphProto&)>& fill);

}  // namespace smlp::graph
