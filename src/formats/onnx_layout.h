// Which axis of the picture each dimension of a tensor holds.
//
// Exporters move axes about (Transpose, Reshape, Unsqueeze, ...) between the steps of the network. Here such a node
// only changes a Layout; the value itself keeps its logical axes N (picture), C (channel), H (row), W (column):
//
//   Conv output                      [N] [C] [H] [W]
//   Transpose perm 0 2 3 1           [N] [H] [W] [C]
//   Reshape to (-1, h, w * c)        [N] [H] [W C]       a dimension may hold several axes,
//   ReduceMean over its last, kept   [N] [H] []          or none: an extent of 1
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace smlp::graph {

enum class Axis : std::uint8_t { n, c, h, w };

// How long each axis is, by Axis.
struct Extents : std::array<std::int64_t, 4> {
  std::int64_t& operator[](Axis axis) { return at(static_cast<std::size_t>(axis)); }
  std::int64_t operator[](Axis axis) const { return at(static_cast<std::size_t>(axis)); }
};

using Dimension = std::vector<Axis>;
using Layout = std::vector<Dimension>;

// Products beyond 64 bits become the largest integer.
std::int64_t size_of(const Dimension& dimension, const Extents& extents);
std::vector<std::int64_t> shape_of(const Layout& layout, const Extents& extents);

// The one axis that the dimension runs along; axes of extent 1 count only where there is nothing else.
std::optional<Axis> single_axis(const Dimension& dimension, const Extents& extents);

// True where both run along the same axes, those of extent 1 aside.
bool same_axes(const Dimension& a, const Dimension& b, const Extents& extents);

// -1 counts from the end. Errors where there is no such dimension.
Result<std::size_t> dimension_index(std::int64_t index, std::size_t rank);

// Which of `rank` dimensions these are the indices of.
Result<std::vector<bool>> named_dimensions(std::span<const std::int64_t> indices, std::size_t rank);

// Nothing where the layout cannot be cut into this shape without splitting an axis. `target` as ONNX's Reshape has it:
// -1 takes what is left, 0 copies the dimension unless `zero_is_zero`.
std::optional<Layout> reshape(const Layout& layout, const Extents& extents, std::span<const std::int64_t> target,
                              bool zero_is_zero);

}  // namespace smlp::graph
