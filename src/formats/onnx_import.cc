#include "formats/onnx_import.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/file_map.h"
#include "formats/onnx_graph.h"
#include "formats/onnx_lift.h"
#include "formats/onnx_match.h"
#include "model/state_dict.h"

namespace smlp {
namespace {

struct Lifted {
  Weights weights;
  bool reads_shape;
};

// The logits of N pictures are N rows; axes of extent 1 may lie anywhere.
bool are_rows(const graph::Activation& logits, const graph::Extents& extents) {
  std::vector<graph::Axis> axes;
  for (const graph::Dimension& dimension : logits.layout) {
    std::ranges::copy_if(dimension, std::back_inserter(axes), [&](graph::Axis axis) { return extents[axis] != 1; });
  }
  return std::ranges::is_sorted(axes);
}

Result<Lifted> lift(const graph::Graph& graph, std::int64_t open_batch) {
  std::optional<graph::Lifter> lifter(std::in_place, graph, open_batch);
  auto logits = lifter->lift(std::nullopt);
  if (const auto learned = lifter->learned_image(); !logits && learned) {
    lifter.emplace(graph, open_batch);
    logits = lifter->lift(learned);
  }
  if (!logits) return fail(std::move(logits).error());
  if (!are_rows(*logits, lifter->terms()[logits->term].extents)) {
    return fail(
        Error{.what = fmt::format("output '{}' is not a row of logits for each picture", graph.values[graph.output]),
              .remedy = "export the network without what turns its output"});
  }
  const int output = lifter->terms().plain(*logits, -1);
  SMLP_TRY(weights, graph::match_network(graph, lifter->terms(), output));
  return Lifted{std::move(weights), lifter->reads_shape()};
}

bool same_values(Weights& a, Weights& b) {
  const auto first = state_dict_entries(a), second = state_dict_entries(b);
  return std::ranges::equal(first, second, [](const StateDictEntry& x, const StateDictEntry& y) {
    return x.values == nullptr || y.values == nullptr ? x.values == y.values : *x.values == *y.values;
  });
}

}  // namespace

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
  SMLP_TRY(lifted, lift(graph, 1'000'003));
  if (lifted.reads_shape) {  // a number of pictures that became a weight is another one with another number
    SMLP_TRY(other, lift(graph, 1'000'033));
    if (!same_values(lifted.weights, other.weights)) {
      return fail("its weights depend on the number of pictures, which those of an sMLPNet do not");
    }
  }
  return std::move(lifted.weights);
}

Result<TensorFile> list_onnx_tensors(std::span<const std::byte> bytes, const std::filesystem::path& folder) {
  return graph::list_initializers(bytes, folder);
}

}  // namespace smlp
