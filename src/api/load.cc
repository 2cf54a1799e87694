#include "api/load.h"

#include "base/no_throw.h"
#include "engine/fold.h"
#include "formats/compiled.h"
#include "formats/metadata.h"
#include "formats/onnx_import.h"
#include "formats/read.h"
#include "model/checkpoint.h"
#include "model/gate.h"

namespace smlp {

Result<Network> network_from_tensors(const TensorFile& file) {
  const std::filesystem::path name = std::filesystem::path(file.path).filename();
  if (is_compiled(file)) return read_compiled(file);
  // ONNX has no state dict: its network is found by what the nodes compute.
  SMLP_TRY(weights, file.format == "ONNX" ? import_onnx(file.path) : weights_from_tensors(file));
  Network network = fold(weights);
  network.source_name = name.string();
  network.input_name = std::move(weights.input_name);
  SMLP_CHECK(apply_metadata(file, network));
  // Sums and products of finite weights may still be beyond what float32 holds.
  if (auto fine = check_network(network); !fine) return fail(std::move(fine).error().in(file.path));
  return network;
}

Result<Network> load_network(const std::filesystem::path& path) {
  auto network = no_throw([&]() -> Result<Network> {
    SMLP_TRY(file, read_tensor_file(path));
    return network_from_tensors(file);
  });
  if (!network) return fail(std::move(network).error().in(path.string()));
  return network;
}

}  // namespace smlp
