// Arithmetic on constants beside what ONNX's operators say, worked out by hand as NumPy would.
#include "formats/onnx_constants.h"

#include <gmock/gmock.h>

#include <limits>

namespace smlp::graph {
namespace {

using testing::HasSubstr;
using Integers = std::vector<std::int64_t>;
using Floats = std::vector<float>;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max(),
                       kLeast = std::numeric_limits<std::int64_t>::min();

class OnnxConstants : public testing::Test {
 protected:
  static Node node(std::string op, const std::vector<std::pair<std::string, Attribute>>& attributes = {}) {
    Node node{.op = std::move(op)};
    for (const auto& [key, value] : attributes) node.attributes[key] = std::make_shared<const Attribute>(value);
    return node;
  }
  Tensor list(const Integers& values) { return constants_.make({std::ssize(values)}, values); }
  Tensor matrix(std::int64_t rows, std::int64_t columns) {  // 0, 1, 2, ...
    Floats values(static_cast<std::size_t>(rows * columns));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    return constants_.make({rows, columns}, values);
  }
  Result<Tensor> fold(const Node& node, const std::vector<Tensor>& inputs) {
    std::vector<const Tensor*> pointers;
    for (const Tensor& input : inputs) pointers.push_back(&input);
    return constants_.fold(node, pointers);
  }
  // "shape: values", or the error.
  std::string folded(const Node& node, const std::vector<Tensor>& inputs) {
    const auto out = fold(node, inputs);
    if (!out) return out.error().message();
    if (out->dtype == DType::i64) return out->shape_text() + ": " + testing::PrintToString(*constants_.integers(*out));
    return out->shape_text() + ": " + testing::PrintToString(*constants_.floats(*out));
  }

  Constants constants_{1'000'000};
};

TEST_F(OnnxConstants, ShapeGivesAStretchOfTheExtents) {
  const Tensor x = constants_.make({2, 3, 4}, Floats(24));
  EXPECT_EQ(folded(node("Shape"), {x}), "(3,): { 2, 3, 4 }");
  EXPECT_EQ(folded(node("Shape", {{"start", std::int64_t{1}}}), {x}), "(2,): { 3, 4 }");
  EXPECT_EQ(folded(node("Shape", {{"end", std::int64_t{2}}}), {x}), "(2,): { 2, 3 }");
  EXPECT_EQ(folded(node("Shape", {{"start", std::int64_t{-1}}}), {x}), "(1,): { 4 }");
  EXPECT_EQ(folded(node("Shape", {{"start", std::int64_t{1}}, {"end", std::int64_t{-1}}}), {x}), "(1,): { 3 }");
  EXPECT_EQ(folded(node("Shape", {{"start", std::int64_t{2}}, {"end", std::int64_t{1}}}), {x}), "(0,): {}");
  EXPECT_EQ(folded(node("Shape", {{"start", std::int64_t{-9}}, {"end", std::int64_t{9}}}), {x}), "(3,): { 2, 3, 4 }");
  EXPECT_EQ(folded(node("Shape"), {constants_.make({}, Floats{1})}), "(0,): {}");
}

TEST_F(OnnxConstants, ReshapeFillsInAndChecks) {
  const Tensor x = matrix(2, 3);
  const std::string values = ": { 0, 1, 2, 3, 4, 5 }";
  const auto reshaped = [&](const Integers& target) { return folded(node("Reshape"), {x, list(target)}); };
  EXPECT_EQ(reshaped({3, 2}), "(3, 2)" + values);
  EXPECT_EQ(reshaped({6}), "(6,)" + values);
  EXPECT_EQ(reshaped({-1}), "(6,)" + values);
  EXPECT_EQ(reshaped({-1, 2}), "(3, 2)" + values);
  EXPECT_EQ(reshaped({3, -1, 1}), "(3, 2, 1)" + values);
  EXPECT_EQ(reshaped({0, 3}), "(2, 3)" + values);
  EXPECT_EQ(reshaped({1, 0, -1}), "(1, 3, 2)" + values);
  for (const Integers& target :
       {Integers{4}, {7}, {-1, 4}, {-1, -1}, {-2, 3}, {-2}, {}, {2, 3, 0}, {0, 0, 0}, {kMost, kMost}, {-1, 0, 0, 0}}) {
    EXPECT_THAT(reshaped(target), HasSubstr("it cannot reshape")) << testing::PrintToString(target);
  }
  EXPECT_THAT(folded(node("Reshape", {{"allowzero", std::int64_t{1}}}), {x, list({0, 3})}),
              HasSubstr("cannot reshape"));
  EXPECT_EQ(folded(node("Reshape", {{"allowzero", std::int64_t{1}}}), {matrix(0, 3), list({5, 0})}), "(5, 0): {}");
  EXPECT_THAT(folded(node("Reshape"), {x}), HasSubstr("it lacks its second input"));
  EXPECT_EQ(folded(node("Reshape"), {*fold(node("Transpose"), {x}), list({6})}), "(6,): { 0, 3, 1, 4, 2, 5 }");
  EXPECT_EQ(reshaped(Integers(64, 1)).substr(0, 17), "it cannot reshape");
  EXPECT_THAT(reshaped(Integers(65, 1)), HasSubstr("65 dimensions; at most 64 are possible"));
}

TEST_F(OnnxConstants, TransposeMovesElements) {
  const Tensor x = matrix(2, 3), cube = *fold(node("Reshape"), {matrix(2, 12), list({2, 3, 4})});
  EXPECT_EQ(folded(node("Transpose"), {x}), "(3, 2): { 0, 3, 1, 4, 2, 5 }");
  EXPECT_EQ(folded(node("Transpose", {{"perm", Integers{0, 1}}}), {x}), "(2, 3): { 0, 1, 2, 3, 4, 5 }");
  EXPECT_EQ(folded(node("Transpose", {{"perm", Integers{1, 2, 0}}}), {cube}).substr(0, 29),
            "(3, 4, 2): { 0, 12, 1, 13, 2,");
  for (const Integers& perm : {Integers{0}, {0, 1, 2}, {0, 0}, {0, 2}, {}}) {
    EXPECT_THAT(folded(node("Transpose", {{"perm", perm}}), {x}), Not(HasSubstr(": {")))
        << testing::PrintToString(perm);
  }
}

TEST_F(OnnxConstants, SqueezeAndUnsqueezeChangeDimensionsOfExtentOne) {
  const Tensor x = *fold(node("Reshape"), {matrix(1, 2), list({1, 2, 1})});
  EXPECT_EQ(folded(node("Squeeze"), {x}), "(2,): { 0, 1 }");
  EXPECT_EQ(folded(node("Squeeze"), {x, list({2})}), "(1, 2): { 0, 1 }");
  EXPECT_EQ(folded(node("Squeeze"), {x, list({-1, 0})}), "(2,): { 0, 1 }");
  EXPECT_EQ(folded(node("Squeeze", {{"axes", Integers{0}}}), {x}), "(2, 1): { 0, 1 }");
  EXPECT_THAT(folded(node("Squeeze"), {x, list({1})}), HasSubstr("it drops dimension 1 of shape (1, 2, 1)"));
  EXPECT_THAT(folded(node("Squeeze"), {x, list({3})}), HasSubstr("dimension 3 of a tensor of 3 dimensions"));
  const Tensor pair = list({7, 8});
  EXPECT_EQ(folded(node("Unsqueeze"), {pair, list({0})}), "(1, 2): { 7, 8 }");
  EXPECT_EQ(folded(node("Unsqueeze"), {pair, list({-1})}), "(2, 1): { 7, 8 }");
  EXPECT_EQ(folded(node("Unsqueeze"), {pair, list({0, 2, 3})}), "(1, 2, 1, 1): { 7, 8 }");
  EXPECT_EQ(folded(node("Unsqueeze", {{"axes", Integers{1}}}), {pair}), "(2, 1): { 7, 8 }");
  EXPECT_THAT(folded(node("Unsqueeze"), {pair, list({2})}), HasSubstr("dimension 2 of a tensor of 2 dimensions"));
  EXPECT_THAT(folded(node("Unsqueeze"), {pair, list({2, 2})}), HasSubstr("it names a dimension twice"));
}

TEST_F(OnnxConstants, UnsqueezeGoesUpTo64Dimensions) {
  Integers axes(63);
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
  EXPECT_TRUE(fold(node("Unsqueeze"), {list({7, 8}), list(axes)}));
  axes.push_back(63);
  EXPECT_THAT(folded(node("Unsqueeze"), {list({7, 8}), list(axes)}), HasSubstr("65 dimensions; at most 64"));
  EXPECT_THAT(folded(node("Unsqueeze", {{"axes", Integers(65, 0)}}), {list({7})}),
              HasSubstr("65 dimensions; at most 64"));
}

TEST_F(OnnxConstants, SliceTakesStretchesOfDimensions) {
  const Tensor x = list({0, 1, 2, 3, 4, 5, 6}), plane = matrix(2, 3);
  const auto part = [&](std::int64_t start, std::int64_t end, std::int64_t step) {
    return folded(node("Slice"), {x, list({start}), list({end}), list({0}), list({step})});
  };
  EXPECT_EQ(part(0, 7, 1), "(7,): { 0, 1, 2, 3, 4, 5, 6 }");
  EXPECT_EQ(part(2, 4, 1), "(2,): { 2, 3 }");
  EXPECT_EQ(part(-2, kMost, 1), "(2,): { 5, 6 }");
  EXPECT_EQ(part(kLeast + 9, -5, 1), "(2,): { 0, 1 }");
  EXPECT_EQ(part(0, 7, 3), "(3,): { 0, 3, 6 }");
  EXPECT_EQ(part(1, 7, 3), "(2,): { 1, 4 }");
  EXPECT_EQ(part(1, 6, 2), "(3,): { 1, 3, 5 }");
  EXPECT_EQ(part(3, 7, kMost), "(1,): { 3 }");
  EXPECT_EQ(part(4, 4, 1), "(0,): {}");
  EXPECT_EQ(part(5, 2, 1), "(0,): {}");
  EXPECT_EQ(part(9, 12, 1), "(0,): {}");
  EXPECT_THAT(part(0, 7, 0), HasSubstr("a step of 0"));
  EXPECT_THAT(part(6, 0, -1), HasSubstr("a step of -1"));
  EXPECT_EQ(folded(node("Slice"), {plane, list({1}), list({3}), list({1})}), "(2, 2): { 1, 2, 4, 5 }");
  EXPECT_EQ(folded(node("Slice"), {plane, list({1, 0}), list({2, 2})}), "(1, 2): { 3, 4 }");
  EXPECT_EQ(folded(node("Slice"), {plane, list({0}), list({1}), list({-2})}), "(1, 3): { 0, 1, 2 }");
  EXPECT_THAT(folded(node("Slice"), {plane, list({0}), list({1}), list({2})}), HasSubstr("dimension 2 of a tensor"));
  for (const auto& [ends, axes, steps] : {std::tuple{2, 1, 1}, {1, 2, 1}, {1, 1, 2}}) {
    const auto ones = [&](int count) { return list(Integers(static_cast<std::size_t>(count), 1)); };
    EXPECT_THAT(folded(node("Slice"), {plane, list({0}), ones(ends), ones(axes), ones(steps)}),
                HasSubstr("differ in number"));
  }
  EXPECT_THAT(folded(node("Slice"), {plane, list({0})}), HasSubstr("a Slice of an old opset"));
}

TEST_F(OnnxConstants, GatherChoosesOneOrOfAList) {
  const Tensor x = list({10, 11, 12}), plane = matrix(2, 3);
  const auto one = [&](std::int64_t index) { return constants_.make({}, Integers{index}); };
  EXPECT_EQ(folded(node("Gather"), {x, one(0)}), "(): { 10 }");
  EXPECT_EQ(folded(node("Gather"), {x, one(2)}), "(): { 12 }");
  EXPECT_EQ(folded(node("Gather"), {x, one(-3)}), "(): { 10 }");
  EXPECT_EQ(folded(node("Gather"), {x, list({2, 0, -2})}), "(3,): { 12, 10, 11 }");
  EXPECT_EQ(folded(node("Gather"), {plane, one(1)}), "(3,): { 3, 4, 5 }");
  EXPECT_EQ(folded(node("Gather", {{"axis", std::int64_t{-1}}}), {plane, one(1)}), "(2,): { 1, 4 }");
  for (const std::int64_t index : {std::int64_t{3}, std::int64_t{-4}, kMost, kLeast}) {
    EXPECT_THAT(folded(node("Gather"), {x, one(index)}), HasSubstr("into (3,) along dimension 0")) << index;
  }
  EXPECT_THAT(folded(node("Gather", {{"axis", std::int64_t{1}}}), {x, one(0)}), HasSubstr("dimension 1 of a tensor"));
  EXPECT_THAT(folded(node("Gather"), {plane, list({0})}), HasSubstr("a choice of weights by index"));
  EXPECT_THAT(folded(node("Gather"), {constants_.make({2}, Floats{1, 2}), list({0})}),
              HasSubstr("a choice of weights"));
}

TEST_F(OnnxConstants, ExpandRepeatsAlongDimensionsOfExtentOne) {
  const Tensor column = *fold(node("Reshape"), {list({1, 2}), list({2, 1})});
  EXPECT_EQ(folded(node("Expand"), {column, list({2, 3})}), "(2, 3): { 1, 1, 1, 2, 2, 2 }");
  EXPECT_EQ(folded(node("Expand"), {column, list({1})}), "(2, 1): { 1, 2 }");
  EXPECT_EQ(folded(node("Expand"), {list({1, 2}), list({3, 1})}), "(3, 2): { 1, 2, 1, 2, 1, 2 }");
  EXPECT_EQ(folded(node("Expand"), {column, list({0, 1})}), "it cannot expand (2, 1) to (0, 1)");
  EXPECT_EQ(folded(node("Expand"), {column, list({3, 1})}), "it cannot expand (2, 1) to (3, 1)");
  EXPECT_EQ(folded(node("Expand"), {column, list({-1})}), "it cannot expand (2, 1) to (-1,)");
  EXPECT_EQ(folded(node("ConstantOfShape"), {list({2, 2})}), "(2, 2): { 0, 0, 0, 0 }");
  EXPECT_EQ(folded(node("ConstantOfShape", {{"value", list({7})}}), {list({3})}), "(3,): { 7, 7, 7 }");
  EXPECT_TRUE(fold(node("ConstantOfShape"), {list({std::int64_t{1} << 20, std::int64_t{1} << 20})}));
  EXPECT_FALSE(fold(node("ConstantOfShape"), {list({(std::int64_t{1} << 20) + 1, std::int64_t{1} << 20})}));
  EXPECT_FALSE(fold(node("ConstantOfShape"), {list({kMost, kMost})}));
  EXPECT_TRUE(fold(node("Expand"), {list({1}), list(Integers(64, 1))}));
  EXPECT_FALSE(fold(node("Expand"), {list({1}), list(Integers(65, 1))}));
}

TEST_F(OnnxConstants, ArithmeticOnIntegersIsExactOrRefused) {
  const auto result = [&](const char* op, std::int64_t a, std::int64_t b) {
    return folded(node(op), {constants_.make({}, Integers{a}), constants_.make({}, Integers{b})});
  };
  const std::string none = "integer arithmetic that has no result";
  EXPECT_EQ(result("Add", kMost - 1, 1), fmt::format("(): {{ {} }}", kMost));
  EXPECT_EQ(result("Add", kMost, 1), none);
  EXPECT_EQ(result("Sub", kLeast + 1, 1), fmt::format("(): {{ {} }}", kLeast));
  EXPECT_EQ(result("Sub", kLeast, 1), none);
  EXPECT_EQ(result("Mul", std::int64_t{1} << 31, std::int64_t{1} << 31), "(): { 4611686018427387904 }");
  EXPECT_EQ(result("Mul", std::int64_t{1} << 32, std::int64_t{1} << 31), none);
  EXPECT_EQ(result("Div", 7, 2), "(): { 3 }");
  EXPECT_EQ(result("Div", 7, 1), "(): { 7 }");
  EXPECT_EQ(result("Div", 7, 0), none);
  EXPECT_EQ(result("Div", kLeast, -1), none);
  EXPECT_EQ(result("Pow", 2, 3), none);
  const Tensor large = list({16'777'217, 16'777'219}), small = list({1, 3});  // odd, and beyond a float's 24 bits
  EXPECT_EQ(folded(node("Mul"), {large, small}), "(2,): { 16777217, 50331657 }");
}

TEST_F(OnnxConstants, IntegersAreExactInViewsToo) {
  const Tensor large = list({16'777'217, 0, 16'777'219}), one = list({1});
  EXPECT_EQ(folded(node("Mul"), {list({16'777'217}), one}), "(1,): { 16777217 }");
  EXPECT_EQ(folded(node("Add"), {list({1'000'000'007}), list({0})}), "(1,): { 1000000007 }");
  EXPECT_EQ(folded(node("Mul"), {large, one}), "(3,): { 16777217, 0, 16777219 }");
  EXPECT_EQ(folded(node("Expand"), {list({kMost}), list({2})}), fmt::format("(2,): {{ {0}, {0} }}", kMost));
  EXPECT_EQ(folded(node("Slice"), {large, list({0}), list({3}), list({0}), list({2})}), "(2,): { 16777217, 16777219 }");
}

TEST_F(OnnxConstants, ArithmeticOnFloatsBroadcasts) {
  const Tensor row = constants_.make({2}, Floats{1, 4}), column = constants_.make({2, 1}, Floats{2, 8});
  EXPECT_EQ(folded(node("Add"), {row, column}), "(2, 2): { 3, 6, 9, 12 }");
  EXPECT_EQ(folded(node("Sub"), {column, row}), "(2, 2): { 1, -2, 7, 4 }");
  EXPECT_EQ(folded(node("Mul"), {row, column}), "(2, 2): { 2, 8, 8, 32 }");
  EXPECT_EQ(folded(node("Div"), {column, row}), "(2, 2): { 2, 0.5, 8, 2 }");
  EXPECT_EQ(folded(node("Pow"), {row, constants_.make({}, Floats{0.5F})}), "(2,): { 1, 2 }");
  EXPECT_EQ(folded(node("Pow"), {row, list({2})}), "(2,): { 1, 16 }");
  EXPECT_EQ(folded(node("Sqrt"), {row}), "(2,): { 1, 2 }");
  EXPECT_EQ(folded(node("Neg"), {row}), "(2,): { -1, -4 }");
  EXPECT_EQ(folded(node("Reciprocal"), {row}), "(2,): { 1, 0.25 }");
  EXPECT_THAT(folded(node("Add"), {row, constants_.make({3}, Floats{1, 2, 3})}), HasSubstr("(2,) and (3,) do not fit"));
  EXPECT_THAT(folded(node("Mul"), {row, list({1, 2})}), HasSubstr("of type I64, where floating-point numbers"));
  EXPECT_THAT(folded(node("Sqrt"), {list({4})}), HasSubstr("arithmetic on integers"));
}

TEST_F(OnnxConstants, CastsAndConcatenationsOfIntegers) {
  const Tensor values = constants_.make({3}, Floats{1.9F, -1.9F, 3});
  for (const std::int64_t to : {1, 10, 11, 16}) {
    EXPECT_EQ(folded(node("Cast", {{"to", to}}), {list({1, 2})}), "(2,): { 1, 2 }");
    EXPECT_EQ(fold(node("Cast", {{"to", to}}), {list({1, 2})})->dtype, DType::f32);
  }
  for (const std::int64_t to : {6, 7}) {
    EXPECT_EQ(fold(node("Cast", {{"to", to}}), {values})->dtype, DType::i64);
    EXPECT_EQ(folded(node("Cast", {{"to", to}}), {values}), "(3,): { 1, -1, 3 }");
  }
  EXPECT_EQ(fold(node("CastLike"), {values, list({1})})->dtype, DType::i64);
  EXPECT_EQ(fold(node("CastLike"), {list({1}), values})->dtype, DType::f32);
  EXPECT_FALSE(fold(node("Cast", {{"to", std::int64_t{7}}}), {constants_.make({1}, Floats{2e15F})}));
  EXPECT_EQ(folded(node("Concat"), {list({1}), list({2, 3}), list({})}), "(3,): { 1, 2, 3 }");
  EXPECT_EQ(folded(node("Concat", {{"axis", std::int64_t{-1}}}), {list({1}), list({2})}), "(2,): { 1, 2 }");
  EXPECT_EQ(folded(node("Concat", {{"axis", std::int64_t{1}}}), {list({1})}), "axis 1 of a list");
  EXPECT_THAT(folded(node("Concat"), {list({1}), values}), HasSubstr("weights joined from parts"));
  EXPECT_THAT(folded(node("Concat"), {constants_.make({}, Integers{1})}), HasSubstr("weights joined from parts"));
}

TEST_F(OnnxConstants, AConstantsValueIsInOneOfFiveAttributes) {
  EXPECT_EQ(folded(node("Constant", {{"value", list({1, 2})}}), {}), "(2,): { 1, 2 }");
  EXPECT_EQ(folded(node("Constant", {{"value_ints", Integers{3, 4}}}), {}), "(2,): { 3, 4 }");
  EXPECT_EQ(folded(node("Constant", {{"value_floats", Floats{0.5F}}}), {}), "(1,): { 0.5 }");
  EXPECT_EQ(folded(node("Constant", {{"value_int", std::int64_t{5}}}), {}), "(): { 5 }");
  EXPECT_EQ(folded(node("Constant", {{"value_float", 1.5F}}), {}), "(): { 1.5 }");
  EXPECT_THAT(folded(node("Constant", {{"value_string", std::string("s")}}), {}), HasSubstr("a constant of a kind"));
  EXPECT_THAT(folded(node("Identity"), {}), HasSubstr("it has no input"));
}

TEST_F(OnnxConstants, NoMoreElementsAreMadeThanTheBudgetHas) {
  Constants small(4);
  const Tensor four = small.make({4}, Floats{1, 2, 3, 4});
  EXPECT_TRUE(small.floats(four));
  EXPECT_FALSE(small.floats(small.make({1}, Floats{1})));
  Constants lists(3);
  EXPECT_FALSE(lists.integers(lists.make({4}, Integers{1, 2, 3, 4})));
  EXPECT_TRUE(lists.integers(lists.make({3}, Integers{1, 2, 3})));
  EXPECT_TRUE(lists.integers(lists.make({0}, Integers{})));
  const Node ints = node("Constant", {{"value_ints", Integers{1}}}),
             floats = node("Constant", {{"value_floats", Floats{1}}});
  EXPECT_FALSE(lists.fold(ints, {}));
  EXPECT_FALSE(lists.fold(floats, {}));
}

}  // namespace
}  // namespace smlp::graph
