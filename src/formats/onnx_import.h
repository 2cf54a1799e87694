// ONNX -> weights by role, whatever exporter wrote the file.
#pragma once

#include <filesystem>
#include <span>

#include "model/tensor.h"
#include "model/weights.h"

namespace smlp {

// Reads a network that PyTorch's exporters wrote (the TorchScript one and the newer one, folded or not, any opset from
// 9), an optimiser passed on, or export_onnx() made. It is found by what its nodes compute, not by their names; the
// configuration comes from the shapes. A batch normalisation that the exporter folded into the depthwise convolution
// comes back as bn2 = {1, its bias, 0, 1, epsilon 0}.
// Errors name the file and the node at which the graph departs from an sMLPNet.
Result<Weights> import_onnx(const std::filesystem::path& path);

// The same for bytes in memory; weights in files of their own are looked for in `folder`, which may be empty for none.
Result<Weights> import_onnx(std::span<const std::byte> bytes, const std::filesystem::path& folder);

// The initializers, for listings. The bytes must outlive the result.
Result<TensorFile> list_onnx_tensors(std::span<const std::byte> bytes, const std::filesystem::path& folder);

// Where a model looks for the files that hold its weights: its own folder, absolute.
std::filesystem::path onnx_folder(const std::filesystem::path& path);

}  // namespace smlp
