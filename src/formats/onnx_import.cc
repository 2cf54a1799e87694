#include "formats/onnx_import.h"

#include <utility>

#include "base/file_map.h"
#include "formats/onnx_graph.h"
#include "formats/onnx_lift.h"
#include "formats/onnx_match.h"

namespace smlp {
// Absolute, so that "model.onnx" finds the files beside it.
std::filesystem::path onnx_folder(const std::filesystem::path& path) {
  std::error_code code;
  const auto absolute = std::filesystem::absolute(path, code);
  return code ? std::filesystem::path() : absolute.parent_path();
}

Result<Weights> import_onnx(const std::filesystem::path& path) {
  SMLP_TRY(file, FileMap::open(path));
  auto weights = import_onnx(file->bytes(), onnx_folder(path));
  if (!weights) return fail(std::move(weights).error().in(path.string()));
  return weights;
}

Result<Weights> import_onnx(std::span<const std::byte> bytes, const std::filesystem::path& folder) {
  SMLP_TRY(graph, graph::read_graph(bytes, folder));
  graph::Lifter lifter(graph);
  auto logits = lifter.lift(std::nullopt);
  if (logits) return graph::match_network(graph, lifter.terms(), lifter.terms().plain(*logits, -1));
  if (!lifter.learned_image()) return fail(std::move(logits).error());
  graph::Lifter again(graph);
  SMLP_TRY(found, again.lift(lifter.learned_image()));
  return graph::match_network(graph, again.terms(), again.terms().plain(found, -1));
}

Result<TensorFile> list_onnx_tensors(std::span<const std::byte> bytes, const std::filesystem::path& folder) {
  return graph::list_initializers(bytes, folder);
}

}  // namespace smlp
