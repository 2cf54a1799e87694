// A network -> ONNX: its weights as trained, as torch.onnx.export would have written the network in eval mode, or as it
// runs, folded and perhaps quantized.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/atomic_file.h"
#include "model/network.h"
#include "model/weights.h"

namespace smlp {

inline constexpr int kFirstOnnxOpset = 11;
inline constexpr int kFirstQuantizedOpset = 13;  // QuantizeLinear for each output
inline constexpr int kLastOnnxOpset = 23;

struct OnnxExportOptions {
  // 11 to 23. Up to 16 the layer normalisation is spelt out, from 17 on it is LayerNormalization; up to 19 GELU is
  // spelt out with Erf, from 20 on it is Gelu. At 11 every operator is one that torch.onnx.export uses for this
  // network.
  int opset = kFirstOnnxOpset;
  Existing existing = Existing::keep;
  std::string producer_version;
  std::map<std::string, std::string> metadata = {};  // becomes metadata_props: class names, WordNet ids, preprocessing
};

// Writes input `input` (batch, channels, image, image) and output `output` (batch, classes), both float32, the batch
// left open. BN2 is folded into the depthwise convolution, everything else stays as trained; the weights keep their
// state-dict names, those that change (folded or transposed) get a suffix. The file is whole or absent.
// Returns its size in bytes. Errors: an opset that is not written, a file that exists, a full disk.
Result<std::uint64_t> export_onnx(const Weights& weights, const OnnxExportOptions& options,
                                  const std::filesystem::path& path);

// The same of a folded network, all in float32 but its products in int8: those read QuantizeLinear and DequantizeLinear
// with the network's own scales, and have their weights as integers, so that whoever runs the file rounds as the
// network does. Tensors are named as in a `.smlp`. GELU is the exact one. Needs opset 13 where there is int8.
Result<std::uint64_t> export_onnx(const Network& network, const OnnxExportOptions& options,
                                  const std::filesystem::path& path);

}  // namespace smlp
