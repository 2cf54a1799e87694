// The same network spelt otherwise, and operators that are just not those of an sMLPNet.
#include <gmock/gmock.h>
#include <onnx/onnx_pb.h>

#include <cstring>
#include <functional>

#include "formats/onnx_models.h"
#include "formats/onnx_support.h"

namespace smlp::test {
namespace {

using Integers = std::vector<std::int64_t>;

onnx::AttributeProto& attribute(onnx::NodeProto& node, const std::string& name) {
  for (auto& known : *node.mutable_attribute()) {
    if (known.name() == name) return known;
  }
  node.add_attribute()->set_name(name);
  return *node.mutable_attribute(node.attribute_size() - 1);
}

void set(onnx::NodeProto& node, const std::string& name, std::int64_t value) {
  attribute(node, name).set_type(onnx::AttributeProto::INT);
  attribute(node, name).set_i(value);
}

void set(onnx::NodeProto& node, const std::string& name, float value) {
  attribute(node, name).set_type(onnx::AttributeProto::FLOAT);
  attribute(node, name).set_f(value);
}

void set(onnx::NodeProto& node, const std::string& name, const Integers& values) {
  attribute(node, name).set_type(onnx::AttributeProto::INTS);
  attribute(node, name).mutable_ints()->Assign(values.begin(), values.end());
}

void set_dims(onnx::TensorProto& tensor, const Integers& dims) {
  tensor.mutable_dims()->Assign(dims.begin(), dims.end());
}

void add_tensor(onnx::ModelProto& model, const std::string& name, int type, const Integers& dims, const void* data,
                std::size_t bytes) {
  auto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(type);
  set_dims(tensor, dims);
  tensor.set_raw_data(data, bytes);
}

void add_integers(onnx::ModelProto& model, const std::string& name, const Integers& values) {
  add_tensor(model, name, onnx::TensorProto::INT64, {std::ssize(values)}, values.data(), values.size() * 8);
}

void add_number(onnx::ModelProto& model, const std::string& name, float value) {
  add_tensor(model, name, onnx::TensorProto::FLOAT, {}, &value, sizeof(value));
}

// A node of two inputs in front of all others, whose result the others read where they read `x` before.
void put_before(onnx::ModelProto& model, const std::string& op, const std::string& x, const std::string& second) {
  auto& nodes = *model.mutable_graph()->mutable_node();
  const std::string name = fmt::format("{} of {} ({})", op, x, nodes.size());
  for (auto& node : nodes) {
    for (auto& input : *node.mutable_input()) {
      if (input == x) input = name;
    }
  }
  auto& node = *nodes.Add();
  node.set_op_type(op);
  node.set_name(name);
  node.add_input(x);
  if (!second.empty()) node.add_input(second);
  node.add_output(name);
  for (int i = nodes.size() - 1; i > 0; --i) nodes.SwapElements(i, i - 1);
}

void expect_the_network(const onnx::ModelProto& model) {
  auto got = import(model);
  ASSERT_TRUE(got) << got.error().message();
  Weights want = with_bn2_folded(make_weights(kSmall, 3));
  expect_same_weights(*got, want);
}

// A change to one node or weight of the export, and what the error says.
struct Departure {
  int opset;
  std::function<void(onnx::ModelProto&)> change;
  std::vector<std::string> words;
};

void expect_departures(const std::vector<Departure>& departures) {
  for (std::size_t i = 0; i < departures.size(); ++i) {
    SCOPED_TRACE(i);
    onnx::ModelProto model = exported(departures[i].opset);
    departures[i].change(model);
    expect_refused(model, departures[i].words);
  }
}

TEST(OnnxSpelling, APictureMayPassThroughUpTo64Dimensions) {
  for (const std::size_t dimensions : {4, 5, 64, 65}) {
    SCOPED_TRACE(dimensions);
    onnx::ModelProto model = exported(17);
    Integers many(dimensions, 1);
    many[0] = 0;
    many[dimensions - 3] = 3;
    many[dimensions - 2] = many[dimensions - 1] = 32;
    add_integers(model, "many", many);
    add_integers(model, "four", {0, 3, 32, -1});
    put_before(model, "Reshape", "input", "four");
    put_before(model, "Reshape", "input", "many");
    if (dimensions <= 64) expect_the_network(model);
    if (dimensions > 64) expect_refused(model, {"65 dimensions; at most 64 are possible"});
  }
}

TEST(OnnxSpelling, ReshapesThatCutAnAxisAreRefused) {
  for (const Integers& target : {Integers{0, 3, 16, 64}, {0, 6, 16, 32}, {0, 3, 32, 33}, {0, 3, 32}, {}}) {
    onnx::ModelProto model = exported(17);
    add_integers(model, "target", target);
    put_before(model, "Reshape", "input", "target");
    expect_refused(model, {"Reshape of input"});
  }
}

// y = W x along the rows, W first: a product in place of Transpose, 1x1 convolution, Transpose.
TEST(OnnxSpelling, AMixingMayBeAProductWithItsWeightInFront) {
  for (const bool lead : {false, true}) {
    onnx::ModelProto model = exported(17);
    for (int b = 0; b < 3; ++b) {
      const std::string name = "token_mix." + std::to_string(b) + "/mix_height";
      const std::string x = node_named(model, name + "/Transpose").input(0);
      auto& product = node_named(model, name + "/Conv");
      auto& weight = weight_named(model, product.input(1));
      auto& bias = weight_named(model, product.input(2));
      const std::int64_t rows = weight.dims(0);
      set_dims(weight, lead ? Integers{1, 1, rows, rows} : Integers{rows, rows});
      set_dims(bias, {rows, 1});
      product.set_op_type("MatMul");
      product.clear_attribute();
      product.clear_input();
      product.add_input(weight.name());
      product.add_input(x);
      auto& sum = node_named(model, name);
      sum.set_op_type("Add");
      sum.clear_attribute();
      sum.add_input(bias.name());
    }
    expect_the_network(model);
  }
}

TEST(OnnxSpelling, AFunctionMayHaveMoreOrFewerOutputsThanACallTakes) {
  for (const int outputs : {1, 2, 3}) {  // of the function
    for (const int taken : {1, 2, 3}) {
      SCOPED_TRACE(testing::Message() << outputs << " " << taken);
      onnx::ModelProto model = exported(20);
      for (auto& node : *model.mutable_graph()->mutable_node()) {
        if (node.op_type() != "Gelu") continue;
        node.set_op_type("activation");
        node.set_domain("local");
        for (int i = 1; i < taken; ++i) node.add_output(node.name() + std::to_string(i));
      }
      auto& function = *model.add_functions();
      function.set_domain("local");
      function.set_name("activation");
      function.add_input("x");
      auto& gelu = *function.add_node();
      gelu.set_op_type("Gelu");
      gelu.add_input("x");
      gelu.add_output("y");
      for (int i = 0; i < outputs; ++i) function.add_output(i == 0 ? "y" : "x");  // an input may be an output, too
      expect_the_network(model);
    }
  }
}

TEST(OnnxSpelling, AveragesCastsAndTransposesOfOtherReleases) {
  onnx::ModelProto model = exported(17);
  node_named(model, "head/mean").set_op_type("GlobalAveragePool");
  node_named(model, "head/mean").clear_attribute();
  for (const std::int64_t type : {1, 10, 11, 16}) {
    put_before(model, "Cast", "input", "");
    set(*model.mutable_graph()->mutable_node(0), "to", type);
  }
  put_before(model, "Transpose", "input", "");  // without a perm: all dimensions turned round, and back
  put_before(model, "Transpose", "input", "");
  expect_the_network(model);
  for (const std::int64_t axis : {1, -1}) {
    model = exported(17);
    set(node_named(model, "head/flatten"), "axis", axis);
    expect_the_network(model);
  }
}

TEST(OnnxSpelling, AGemmMayHaveItsWeightEitherWayRound) {
  onnx::ModelProto model = exported(17);
  auto& weight = weight_named(model, "mlp_head.0.weight");
  std::vector<float> values(weight.raw_data().size() / 4), turned(values.size());
  std::memcpy(values.data(), weight.raw_data().data(), weight.raw_data().size());
  const std::size_t rows = 5, columns = values.size() / rows;
  for (std::size_t i = 0; i < values.size(); ++i) turned[i % columns * rows + i / columns] = values[i];
  weight.set_raw_data(turned.data(), turned.size() * 4);
  set_dims(weight, {static_cast<std::int64_t>(columns), 5});
  set(node_named(model, "output"), "transB", std::int64_t{0});
  expect_the_network(model);
}

// Adds a node of one input, or of one and a constant, and gives its output's name.
std::string put_after(onnx::ModelProto& model, const std::string& op, const std::string& name, const std::string& x,
                      const std::string& second = {}) {
  auto& node = *model.mutable_graph()->add_node();
  node.set_op_type(op);
  node.set_name(name);
  node.add_input(x);
  if (!second.empty()) node.add_input(second);
  node.add_output(name);
  return name;
}

// The first concatenation, of pictures whose rows (or here and there columns) were put one after another: (H W, N, C).
onnx::ModelProto with_concat_of_rows(const std::vector<bool>& of_columns) {
  onnx::ModelProto model = exported(17);
  add_integers(model, "flat", {16, -1, 8});
  add_integers(model, "wide", {4, 4, -1, 24});
  std::vector<onnx::NodeProto> nodes(model.graph().node().begin(), model.graph().node().end());
  model.mutable_graph()->clear_node();
  for (onnx::NodeProto& node : nodes) {
    if (node.name() != "token_mix.1/concat") {
      *model.mutable_graph()->add_node() = node;
      continue;
    }
    for (int i = 0; i < 3; ++i) {
      const std::string name = fmt::format("part {}", i);
      const auto turned = put_after(model, "Transpose", name, node.input(i));
      set(*model.mutable_graph()->mutable_node()->rbegin(), "perm",
          of_columns[static_cast<std::size_t>(i)] ? Integers{3, 2, 0, 1} : Integers{2, 3, 0, 1});
      node.set_input(i, put_after(model, "Reshape", name + " flat", turned, "flat"));
    }
    const std::string joined = node.output(0);
    node.set_output(0, "joined");
    set(node, "axis", std::int64_t{2});
    *model.mutable_graph()->add_node() = node;
    put_after(model, "Transpose", joined, put_after(model, "Reshape", "joined wide", "joined", "wide"));
    set(*model.mutable_graph()->mutable_node()->rbegin(), "perm", Integers{2, 3, 0, 1});
  }
  return model;
}

TEST(OnnxSpelling, ConcatenatedArePicturesThatAreLaidOutAlike) {
  expect_the_network(with_concat_of_rows({false, false, false}));
  for (const auto& of_columns : {std::vector{true, false, false}, {false, true, false}, {false, false, true}}) {
    expect_refused(with_concat_of_rows(of_columns), {"axes are laid out differently"});
  }
}

TEST(OnnxDeparture, ConvolutionsThatAreNotOfTheNetwork) {
  const auto change = [](const char* node, const char* name, const Integers& values) {
    return [=](onnx::ModelProto& model) { set(node_named(model, node), name, values); };
  };
  const auto group = [](const char* node, std::int64_t value) {
    return [=](onnx::ModelProto& model) { set(node_named(model, node), "group", value); };
  };
  const auto dims = [](const char* weight, const Integers& values) {
    return [=](onnx::ModelProto& model) { set_dims(weight_named(model, weight), values); };
  };
  const char* const stem = "to_patch_embedding.0.0.weight";  // (4, 3, 4, 4)
  const char* const local = "token_mix.0.0.conv_merge.Conv.weight.folded";
  const std::string not_ours = "an sMLPNet has patch embeddings";
  expect_departures({
      {11, dims(stem, {4, 3, 16}), {"a weight of shape (4, 3, 16) for activations of 4 dimensions"}},
      {11, dims(stem, {4, 48}), {"a weight of shape (4, 48) for activations of 4 dimensions"}},
      {11, dims(stem, {4, 3, 4, 4, 1}), {"for activations of 4 dimensions"}},
      {11, dims(stem, {4, 3, 2, 8}), {"weight (4, 3, 2, 8), stride 4, no padding and group 1", not_ours}},
      {11, dims(stem, {3, 4, 4, 4}), {"a weight of shape (3, 4, 4, 4) for 3 channels"}},
      {11, change("stem.0", "dilations", {1, 2}), {"a dilated convolution"}},
      {11, change("stem.0", "strides", {4, 3}), {not_ours}},
      {11, change("stem.0", "strides", {3, 4}), {"stride 3", not_ours}},
      {11, change("stem.0", "pads", {0, 0, 0, 1}), {"stride 4, padding and group 1", not_ours}},
      {11, group("stem.0", 3), {"group 3", not_ours}},
      {11, change("token_mix.0/depthwise", "pads", {1, 1, 1, 0}), {not_ours}},
      {11, change("token_mix.0/depthwise", "pads", {0, 0, 0, 0}), {"no padding and group 4", not_ours}},
      {11, change("token_mix.0/depthwise", "strides", {1, 2}), {not_ours}},
      {11, group("token_mix.0/depthwise", 2), {"group 2", not_ours}},
      {11, dims(local, {4, 9, 1, 1}), {not_ours}},
      {11, dims(local, {2, 2, 3, 3}), {"4 biases for 2 outputs"}},
      {11, change("token_mix.0/fuse", "strides", {1, 2}), {not_ours}},
      {11, change("token_mix.0/fuse", "pads", {0, 1, 0, 0}), {not_ours}},
      {11, group("token_mix.0/fuse", 2), {not_ours}},
  });
}

TEST(OnnxDeparture, NormalisationsOfAnotherKind) {
  const auto shorter = [](const char* name) {
    return [=](onnx::ModelProto& model) {
      auto& tensor = weight_named(model, name);
      set_dims(tensor, {tensor.dims(0) - 1});
      tensor.mutable_raw_data()->resize(tensor.raw_data().size() - 4);
    };
  };
  const auto integer = [](const char* node, const char* name, std::int64_t value) {
    return [=](onnx::ModelProto& model) { set(node_named(model, node), name, value); };
  };
  expect_departures({
      {17, integer("head/bn", "training_mode", 1), {"training mode", "model.eval()"}},
      {17, [](onnx::ModelProto& m) { node_named(m, "head/bn").add_output("mean"); }, {"training mode"}},
      {17, shorter("batch_norm.weight"), {"7 statistics for 8 channels"}},
      {17, shorter("batch_norm.bias"), {"7 statistics for 8 channels"}},
      {17, shorter("batch_norm.running_mean"), {"7 statistics for 8 channels"}},
      {17, shorter("batch_norm.running_var"), {"7 statistics for 8 channels"}},
      {17, shorter("channel_mix.0.1.weight"), {"numbers of shape (3,) for 4 channels"}},
      {17, shorter("channel_mix.0.1.bias"), {"numbers of shape (3,) for 4 channels"}},
      {17, integer("channel_mix.0/layer_norm", "axis", 2), {"over several axes"}},
      {17, integer("channel_mix.0/layer_norm", "axis", 4), {"dimension 4 of a tensor of 4 dimensions"}},
      {17,
       [](onnx::ModelProto& m) { set(node_named(m, "head/mean"), "axes", Integers{2}); },
       {"a mean that is neither"}},
      {17,
       [](onnx::ModelProto& m) { set(node_named(m, "head/mean"), "axes", Integers{0, 2, 3}); },
       {"a mean that is neither"}},
      {17,
       [](onnx::ModelProto& m) { set(node_named(m, "head/mean"), "axes", Integers{1, 2, 3}); },
       {"a mean that is neither"}},
      {17, [](onnx::ModelProto& m) { node_named(m, "head/mean").clear_attribute(); }, {"a mean over everything"}},
      {17, integer("head/flatten", "axis", 3), {"axis 3 of 2 dimensions"}},
      {17, integer("head/flatten", "axis", -3), {"axis -3 of 2 dimensions"}},
      {17, [](onnx::ModelProto& m) { set(node_named(m, "output"), "beta", 2.0F); }, {"a Gemm with beta 2"}},
      {17, shorter("token_mix.0.0.conv_merge.Conv.bias.folded"), {"3 biases for 4 outputs"}},
      {17, shorter("channel_mix.0.2.net.0.bias"), {"a constant of shape (11,) for activations of shape"}},
  });
}

TEST(OnnxDeparture, ScalesOfALayerNormalisationRunAlongTheChannels) {
  const auto shaped = [](const char* name, const Integers& dims) {
    return [=](onnx::ModelProto& model) { set_dims(weight_named(model, name), dims); };
  };
  for (const char* const name : {"channel_mix.0.1.weight", "channel_mix.0.1.bias"}) {
    for (const Integers& dims : {Integers{4}, {1, 4}, {1, 1, 1, 4}}) {
      onnx::ModelProto model = exported(17);
      shaped(name, dims)(model);
      expect_the_network(model);
    }
    // As long as the channels, and broadcast along another axis.
    expect_departures({{17, shaped(name, {4, 1}), {"numbers of shape (4, 1) for 4 channels"}},
                       {17, shaped(name, {4, 1, 1}), {"numbers of shape (4, 1, 1)"}},
                       {17, shaped(name, {2, 2}), {"numbers of shape (2, 2)"}}});
  }
}

TEST(OnnxDeparture, WhatDependsOnTheNumberOfPictures) {
  onnx::ModelProto model = exported(17);
  auto& nodes = *model.mutable_graph()->mutable_node();
  const auto add = [&](const std::string& op, const std::string& x, const std::string& second) {
    put_after(model, op, op + " of the pictures", x, second);
    return op + " of the pictures";
  };
  add_integers(model, "first", {0});
  add_number(model, "many", 1e-6F);
  const int before = nodes.size();
  const std::string count = add("Cast", add("Gather", add("Shape", "input", ""), "first"), "");
  set(nodes[nodes.size() - 1], "to", std::int64_t{1});
  const std::string factor = add("Mul", count, "many");
  const int added = nodes.size() - before;
  for (int k = 0; k < added; ++k) {  // to the front, in their order
    for (int i = nodes.size() - added + k; i > k; --i) nodes.SwapElements(i, i - 1);
  }
  expect_the_network(model);  // nothing takes it
  auto& last = node_named(model, "output");
  const std::string pooled = last.input(0);
  last.set_input(0, "scaled");
  put_after(model, "Mul", "scaled", pooled, factor);
  nodes.SwapElements(nodes.size() - 2, nodes.size() - 1);
  expect_refused(model, {"its weights depend on the number of pictures"});
}

TEST(OnnxDeparture, CastsOfActivationsLikeIntegers) {
  for (const bool like_integers : {false, true}) {
    onnx::ModelProto model = exported(17);
    add_integers(model, "integers", {1});
    add_number(model, "number", 1);
    put_before(model, "CastLike", "input", like_integers ? "integers" : "number");
    if (like_integers) expect_refused(model, {"a cast of the activations to integers"});
    if (!like_integers) expect_the_network(model);
  }
}

TEST(OnnxDeparture, AnOutputThatIsTurned) {
  onnx::ModelProto model = exported(17);
  auto& last = node_named(model, "output");
  const std::string logits = last.output(0);
  last.set_output(0, "rows");
  put_after(model, "Transpose", logits, "rows");
  expect_refused(model, {"is not a row of logits for each picture"});
}

TEST(OnnxDeparture, AttributesThatOtherProgramsReadOtherwise) {
  const auto epsilon = [](onnx::ModelProto& model) -> onnx::AttributeProto& {
    return attribute(node_named(model, "channel_mix.0/layer_norm"), "epsilon");
  };
  expect_departures({{17, [&](onnx::ModelProto& m) { epsilon(m).clear_type(); }, {"'epsilon' has no type"}},
                     {17, [&](onnx::ModelProto& m) { epsilon(m).set_ref_attr_name("e"); }, {"refers to a function's"}},
                     {17,
                      [&](onnx::ModelProto& m) {
                        const onnx::AttributeProto again = epsilon(m);
                        *node_named(m, "channel_mix.0/layer_norm").add_attribute() = again;
                      },
                      {"'epsilon' stands twice"}}});
}

// A normalisation behind one without weights of its own: mean, variance and epsilon count, too.
TEST(OnnxSpelling, ABatchNormalisationMayFollowALayerNormalisationWithoutWeights) {
  const std::vector<float> ones(4, 1.0F);
  onnx::ModelProto model = exported(17);
  auto& nodes = *model.mutable_graph()->mutable_node();
  int at = 0;
  while (nodes[at].name() != "channel_mix.0/layer_norm") ++at;
  const std::string out = nodes[at].output(0);
  add_tensor(model, "ones", onnx::TensorProto::FLOAT, {4}, ones.data(), 16);
  nodes[at].mutable_input()->DeleteSubrange(2, 1);
  nodes[at].set_input(1, "ones");
  nodes[at].set_output(0, "normalised");
  const std::vector<float> mean = {1, 2, 3, 4}, variance = {4, 9, 16, 25};
  add_tensor(model, "mean", onnx::TensorProto::FLOAT, {4}, mean.data(), 16);
  add_tensor(model, "variance", onnx::TensorProto::FLOAT, {4}, variance.data(), 16);
  add_tensor(model, "zeros", onnx::TensorProto::FLOAT, {4}, std::vector<float>(4).data(), 16);
  // Channels last, where a batch normalisation wants them second.
  std::vector<onnx::NodeProto> more(3);
  for (onnx::NodeProto& node : more) node.set_op_type("Transpose");
  more[0].add_input("normalised"), more[0].add_output("channels first");
  set(more[0], "perm", Integers{0, 3, 1, 2});
  more[1].set_op_type("BatchNormalization");
  for (const char* const input : {"channels first", "ones", "zeros", "mean", "variance"}) more[1].add_input(input);
  more[1].add_output("shifted");
  set(more[1], "epsilon", 0.0F);
  more[2].add_input("shifted"), more[2].add_output(out);
  set(more[2], "perm", Integers{0, 2, 3, 1});
  for (std::size_t k = 0; k < more.size(); ++k) {
    *nodes.Add() = more[k];
    for (int i = nodes.size() - 1; i > at + 1 + static_cast<int>(k); --i) nodes.SwapElements(i, i - 1);
  }
  auto got = import(model);
  ASSERT_TRUE(got) << got.error().message();
  const auto& norm = got->blocks[0].norm;
  for (std::size_t c = 0; c < 4; ++c) {
    EXPECT_FLOAT_EQ(norm.weight[c], 1 / std::sqrt(variance[c]));
    EXPECT_FLOAT_EQ(norm.bias[c], -mean[c] / std::sqrt(variance[c]));
  }
}

// Gemm is alpha (x weight) + bias, whatever x is a sum of.
TEST(OnnxSpelling, AlphaOfAGemmScalesWhatWasAdded) {
  onnx::ModelProto model = exported(17), plain = exported(17);
  add_number(model, "added", 0.5F);
  const std::string pooled = node_named(model, "output").input(0);
  put_before(model, "Add", pooled, "added");
  auto& nodes = *model.mutable_graph()->mutable_node();
  int at = 0;
  while (nodes[at + 1].name() != "output") {  // behind what it adds to
    nodes.SwapElements(at, at + 1);
    ++at;
  }
  set(node_named(model, "output"), "alpha", 0.5F);
  auto got = import(model), want = import(plain);
  ASSERT_TRUE(got) << got.error().message();
  ASSERT_TRUE(want) << want.error().message();
  // The head as one affine function of what goes into its normalisation.
  const auto scale = [](const Weights& w, std::size_t i) {
    return w.head_norm.weight[i] / std::sqrt(w.head_norm.variance[i] + w.head_norm.epsilon);
  };
  const auto shift = [&](const Weights& w, std::size_t i) {
    return w.head_norm.bias[i] - scale(w, i) * w.head_norm.mean[i];
  };
  for (std::size_t row = 0; row < 5; ++row) {
    float constant = got->head.bias[row], wanted = want->head.bias[row];
    for (std::size_t i = 0; i < 8; ++i) {
      const float weight = got->head.weight[8 * row + i], plain_weight = want->head.weight[8 * row + i];
      EXPECT_NEAR(weight * scale(*got, i), 0.5F * plain_weight * scale(*want, i), 1e-5);
      constant += weight * shift(*got, i);
      wanted += 0.5F * plain_weight * (shift(*want, i) + 0.5F);
    }
    EXPECT_NEAR(constant, wanted, 1e-4);
  }
}

TEST(OnnxDeparture, FactorsThatAreNotFinite) {
  const auto scaled = [](const char* op, int times, float by, bool shifted) {
    return [=](onnx::ModelProto& model) {
      add_number(model, "by", by);
      add_number(model, "one", 1.0F);
      for (int i = 0; i < times; ++i) put_before(model, op, "input", "by");
      if (shifted) put_before(model, "Add", "input", "one");
    };
  };
  const std::string words = "a constant factor or term that is not finite";
  expect_departures({
      {17, scaled("Mul", 9, 1e38F, false), {words}},  // the factor alone: there is no term
      {17, scaled("Mul", 9, 1e38F, true), {words}},
      {17, scaled("Div", 1, 0.0F, false), {words}},
      {17, scaled("Div", 9, 1e-38F, false), {words}},
      {17,
       [&](onnx::ModelProto& model) {  // the term alone: 3e38 x 1e38 ... 1e38, where x was divided before
         add_number(model, "term", 3e38F);
         scaled("Mul", 8, 1e38F, false)(model);
         put_before(model, "Add", "input", "term");
         add_number(model, "small", 1e-30F);
         put_before(model, "Mul", "input", "small");
       },
       {words}},
  });
}

}  // namespace
}  // namespace smlp::test
