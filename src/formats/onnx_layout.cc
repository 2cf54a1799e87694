#include "formats/onnx_layout.h"

#include <algorithm>
#include <limits>

namespace smlp::graph {
namespace {

std::int64_t multiply(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::int64_t>::max() : product;
}

Dimension without_ones(const Dimension& dimension, const Extents& extents) {
  Dimension kept;
  std::ranges::copy_if(dimension, std::back_inserter(kept), [&](Axis axis) { return extents[axis] != 1; });
  return kept;
}

// The target with its 0 and -1 filled in.
std::optional<std::vector<std::int64_t>> resolve(const std::vector<std::int64_t>& shape,
                                                 std::span<const std::int64_t> target, bool zero_is_zero) {
  std::vector<std::int64_t> resolved(target.begin(), target.end());
  std::int64_t total = 1, known = 1;
  for (const std::int64_t extent : shape) total = multiply(total, extent);
  std::optional<std::size_t> open;
  for (std::size_t d = 0; d < resolved.size(); ++d) {
    if (resolved[d] == 0 && !zero_is_zero && d < shape.size()) resolved[d] = shape[d];
    if (resolved[d] == -1 && !open) {
      open = d;
    } else if (resolved[d] > 0) {
      known = multiply(known, resolved[d]);
    } else {
      return std::nullopt;
    }
  }
  if (open) {
    if (total % known != 0) return std::nullopt;
    resolved[*open] = total / known;
  } else if (known != total) {
    return std::nullopt;
  }
  return resolved;
}

}  // namespace

std::int64_t size_of(const Dimension& dimension, const Extents& extents) {
  std::int64_t size = 1;
  for (const Axis axis : dimension) size = multiply(size, extents[axis]);
  return size;
}

std::vector<std::int64_t> shape_of(const Layout& layout, const Extents& extents) {
  std::vector<std::int64_t> shape;
  for (const Dimension& dimension : layout) shape.push_back(size_of(dimension, extents));
  return shape;
}

std::optional<Axis> single_axis(const Dimension& dimension, const Extents& extents) {
  if (dimension.size() == 1) return dimension[0];
  const Dimension kept = without_ones(dimension, extents);
  return kept.size() == 1 ? std::optional(kept[0]) : std::nullopt;
}

bool same_axes(const Dimension& a, const Dimension& b, const Extents& extents) {
  return without_ones(a, extents) == without_ones(b, extents);
}

Result<std::size_t> dimension_index(std::int64_t index, std::size_t rank) {
  const auto count = static_cast<std::int64_t>(rank);
  if (index < -count || index >= count) return fail("dimension {} of a tensor of {} dimensions", index, count);
  return static_cast<std::size_t>(index < 0 ? index + count : index);
}

Result<std::vector<bool>> named_dimensions(std::span<const std::int64_t> indices, std::size_t rank) {
  std::vector<bool> named(rank, false);
  for (const std::int64_t index : indices) {
    SMLP_TRY(d, dimension_index(index, rank));
    named[d] = true;
  }
  return named;
}

std::optional<Layout> reshape(const Layout& layout, const Extents& extents, std::span<const std::int64_t> target,
                              bool zero_is_zero) {
  const auto sizes = resolve(shape_of(layout, extents), target, zero_is_zero);
  if (!sizes) return std::nullopt;
  Dimension axes;
  for (const Dimension& dimension : layout) axes.insert(axes.end(), dimension.begin(), dimension.end());
  Layout out;
  std::size_t next = 0;
  for (const std::int64_t size : *sizes) {
    Dimension& dimension = out.emplace_back();
    std::int64_t filled = 1;
    if (size == 1 && next < axes.size() && extents[axes[next]] == 1) dimension.push_back(axes[next++]);
    while (filled < size && next < axes.size()) {
      filled = multiply(filled, extents[axes[next]]);
      dimension.push_back(axes[next++]);
    }
    if (filled != size) return std::nullopt;
  }
  for (; next < axes.size(); ++next) {  // axes of extent 1, which belong anywhere
    if (out.empty() || extents[axes[next]] != 1) return std::nullopt;
    out.back().push_back(axes[next]);
  }
  return out;
}

}  // namespace smlp::graph
