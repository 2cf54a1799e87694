// Layouts by hand: a picture of 2 x 3 x 4 x 5, its axes moved as NumPy's reshape moves elements.
#include "formats/onnx_layout.h"

#include <gmock/gmock.h>

#include <limits>

namespace smlp::graph {
namespace {

constexpr Axis n = Axis::n, c = Axis::c, h = Axis::h, w = Axis::w;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
const Extents kExtents = {{2, 3, 4, 5}};
const Layout kNchw = {{n}, {c}, {h}, {w}};
using Target = std::vector<std::int64_t>;

std::optional<Layout> reshaped(const Layout& from, const Target& target, bool zero_is_zero = false,
                               const Extents& extents = kExtents) {
  return reshape(from, extents, target, zero_is_zero);
}

TEST(OnnxLayout, ReshapeJoinsAndCutsBetweenAxes) {
  EXPECT_EQ(reshaped(kNchw, {2, 3, 4, 5}), kNchw);
  EXPECT_EQ(reshaped(kNchw, {2, 3, 20}), (Layout{{n}, {c}, {h, w}}));
  EXPECT_EQ(reshaped(kNchw, {2, 60}), (Layout{{n}, {c, h, w}}));
  EXPECT_EQ(reshaped(kNchw, {120}), (Layout{{n, c, h, w}}));
  EXPECT_EQ(reshaped({{n}, {c, h, w}}, {6, 4, 5}), (Layout{{n, c}, {h}, {w}}));
  EXPECT_EQ(reshaped({{n, w}, {h}, {c}}, {2, 5, 12}), (Layout{{n}, {w}, {h, c}}));
  EXPECT_EQ(reshaped(kNchw, {1, 2, 3, 1, 20, 1}), (Layout{{}, {n}, {c}, {}, {h, w}, {}}));
}

TEST(OnnxLayout, ReshapeFillsInOneOpenExtentAndCopiesZeros) {
  EXPECT_EQ(reshaped(kNchw, {-1}), (Layout{{n, c, h, w}}));
  EXPECT_EQ(reshaped(kNchw, {-1, 20}), (Layout{{n, c}, {h, w}}));
  EXPECT_EQ(reshaped(kNchw, {2, -1}), (Layout{{n}, {c, h, w}}));
  EXPECT_EQ(reshaped(kNchw, {2, -1, 5}), (Layout{{n}, {c, h}, {w}}));
  EXPECT_EQ(reshaped(kNchw, {2, 3, 20, -1}), (Layout{{n}, {c}, {h, w}, {}}));
  EXPECT_EQ(reshaped(kNchw, {0, 0, -1}), (Layout{{n}, {c}, {h, w}}));
  EXPECT_EQ(reshaped(kNchw, {0, 3, 0, 0}), kNchw);
  EXPECT_EQ(reshaped(kNchw, {0, -1}, true), std::nullopt);
  EXPECT_EQ(reshaped(kNchw, {2, 3, 4, 5, 0}), std::nullopt);  // no fifth dimension to copy
}

TEST(OnnxLayout, ReshapeRefusesWhatDoesNotFit) {
  for (const Target& target : {Target{4, 30},
                               {3, 2, 4, 5},
                               {2, 3, 5, 4},
                               {2, 3, 4},
                               {2, 3, 4, 5, 2},
                               {-1, -1},
                               {2, -1, -1},
                               {-2, 60},
                               {-2, -1},
                               {2, -2, 30},
                               {-1, 7},
                               {-1, 240},
                               {},
                               {kMost, kMost},
                               {-1, kMost, 2}}) {
    EXPECT_EQ(reshaped(kNchw, target), std::nullopt) << testing::PrintToString(target);
  }
}

// An axis of extent 1 belongs to no dimension in particular; none is lost.
TEST(OnnxLayout, ReshapeKeepsAxesOfExtentOne) {
  const Extents one = {{1, 3, 1, 1}};
  EXPECT_EQ(reshaped(kNchw, {1, 3, 1, 1}, false, one), kNchw);
  EXPECT_EQ(reshaped(kNchw, {1, 3}, false, one), (Layout{{n}, {c, h, w}}));
  EXPECT_EQ(reshaped(kNchw, {3}, false, one), (Layout{{n, c, h, w}}));
  EXPECT_EQ(reshaped(kNchw, {1, 3, 1, 1, 1}, false, one), (Layout{{n}, {c}, {h}, {w}, {}}));
  EXPECT_EQ(reshaped(kNchw, {}, true, {{1, 1, 1, 1}}), std::nullopt);
  EXPECT_EQ(reshaped({}, {}, true), Layout{});
  EXPECT_EQ(reshaped({}, {1}, true), (Layout{{}}));
}

TEST(OnnxLayout, SizesAreProductsUpToTheLargestInteger) {
  EXPECT_EQ(size_of({}, kExtents), 1);
  EXPECT_EQ(size_of({w}, kExtents), 5);
  EXPECT_EQ(size_of({c, w}, kExtents), 15);
  EXPECT_EQ(shape_of({{n, h}, {}, {w}}, kExtents), (Target{8, 1, 5}));
  const Extents large = {{std::int64_t{1} << 32, std::int64_t{1} << 30, 2, 1}};
  EXPECT_EQ(size_of({n, c}, large), std::int64_t{1} << 62);
  EXPECT_EQ(size_of({n, c, h}, large), kMost);
  EXPECT_EQ(size_of({n, c, h, h}, large), kMost);
}

TEST(OnnxLayout, TheOneAxisOfADimensionIsTheOneThatIsLong) {
  const Extents extents = {{2, 3, 1, 1}};
  EXPECT_EQ(single_axis({c}, extents), c);
  EXPECT_EQ(single_axis({h}, extents), h);
  EXPECT_EQ(single_axis({h, c}, extents), c);
  EXPECT_EQ(single_axis({c, w, h}, extents), c);
  EXPECT_EQ(single_axis({}, extents), std::nullopt);
  EXPECT_EQ(single_axis({h, w}, extents), std::nullopt);
  EXPECT_EQ(single_axis({n, c}, extents), std::nullopt);
  EXPECT_TRUE(same_axes({n, c}, {n, h, c}, extents));
  EXPECT_TRUE(same_axes({}, {w}, extents));
  EXPECT_FALSE(same_axes({n, c}, {c, n}, extents));
  EXPECT_FALSE(same_axes({}, {c}, extents));
}

TEST(OnnxLayout, DimensionsAreCountedFromEitherEnd) {
  const auto at = [](std::int64_t index, std::size_t rank) {
    const auto found = dimension_index(index, rank);
    return found ? static_cast<int>(*found) : -1;
  };
  EXPECT_EQ(at(0, 3), 0);
  EXPECT_EQ(at(2, 3), 2);
  EXPECT_EQ(at(-1, 3), 2);
  EXPECT_EQ(at(-3, 3), 0);
  for (const std::int64_t index : {std::int64_t{3}, std::int64_t{-4}, kMost, -kMost}) EXPECT_EQ(at(index, 3), -1);
  EXPECT_EQ(at(0, 0), -1);
  EXPECT_EQ(at(-1, 0), -1);
  EXPECT_EQ(named_dimensions(Target{0, -1}, 3).value(), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(named_dimensions(Target{}, 2).value(), (std::vector<bool>{false, false}));
  EXPECT_FALSE(named_dimensions(Target{0, 3}, 3));
}

}  // namespace
}  // namespace smlp::graph
