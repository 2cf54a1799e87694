// Export and import of our own files, and graphs that are no sMLPNet.
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "formats/onnx_models.h"
#include "formats/onnx_support.h"
#include "formats/read.h"
#include "support/golden.h"
#include "support/scratch.h"

namespace smlp::test {
namespace {

// Every small golden configuration: patches of 1x1, grids of 1x1, one class, one stage, a stage without blocks.
TEST(OnnxRoundTrip, KeepsEveryWeight) {
  const Scratch scratch;
  int networks = 0;
  for (const GoldenNetwork& network : golden().networks) {
    if (network.name.starts_with("smlpnet_")) continue;
    SCOPED_TRACE(network.name);
    const Weights weights = make_weights(network.config, network.seed, network.signal);
    Weights want = with_bn2_folded(weights);
    ++networks;
    for (const int opset : {11, 13, 17, 18, 20, 23}) {  // each where our spelling changes, and the ends
      SCOPED_TRACE(opset);
      const auto path = scratch.folder() / "model.onnx";
      const auto size =
          export_onnx(weights, {.opset = opset, .existing = Existing::replace, .producer_version = "1"}, path);
      ASSERT_TRUE(size) << size.error().message();
      EXPECT_EQ(*size, std::filesystem::file_size(path));
      auto got = import_onnx(path);
      ASSERT_TRUE(got) << got.error().message();
      expect_same_weights(*got, want);
      if (HasFailure()) return;
    }
  }
  EXPECT_GE(networks, 10);
}

TEST(OnnxExport, UsesAtOpset11OnlyWhatTorchWouldHaveUsed) {
  const std::set<std::string> allowed = {
      "Add", "BatchNormalization", "Concat", "Conv", "Div",      "Erf", "Flatten", "Gemm", "MatMul", "Mul",
      "Pow", "ReduceMean",         "Sqrt",   "Sub",  "Transpose"};
  const onnx::ModelProto model = exported(11);
  for (const auto& node : model.graph().node()) EXPECT_TRUE(allowed.contains(node.op_type())) << node.op_type();
}

TEST(OnnxExport, DescribesItsInputAndOutput) {
  const onnx::ModelProto model = exported(11);
  EXPECT_EQ(model.ir_version(), 6);
  ASSERT_EQ(model.graph().input_size(), 1);
  ASSERT_EQ(model.graph().output_size(), 1);
  const auto& input = model.graph().input(0);
  EXPECT_EQ(input.name(), "input");
  EXPECT_EQ(model.graph().output(0).name(), "output");
  const auto& shape = input.type().tensor_type().shape();
  ASSERT_EQ(shape.dim_size(), 4);
  EXPECT_EQ(shape.dim(0).dim_param(), "batch");
  EXPECT_EQ(shape.dim(1).dim_value(), 3);
  EXPECT_EQ(shape.dim(3).dim_value(), 32);
  EXPECT_EQ(model.graph().output(0).type().tensor_type().shape().dim(1).dim_value(), 5);
}

TEST(OnnxExport, OverwritesNothingUnasked) {
  const Scratch scratch;
  const auto path = scratch.write("model.onnx", "precious");
  const auto size = export_onnx(make_weights(kSmall, 3), {.opset = 11, .producer_version = "1"}, path);
  ASSERT_FALSE(size);
  EXPECT_TRUE(size.error().message().contains("--force")) << size.error().message();
  EXPECT_EQ(read_text(path), "precious");
}

TEST(OnnxExport, NamesTheOpsetsItWrites) {
  for (const int opset : {0, 10, 24}) {
    const auto size =
        export_onnx(make_weights(kSmall, 3), {.opset = opset, .producer_version = "1"}, "/nonexistent/m.onnx");
    ASSERT_FALSE(size);
    EXPECT_TRUE(size.error().message().contains("11 to 23")) << size.error().message();
  }
}

TEST(OnnxImport, ListsInitializersByName) {
  const Scratch scratch;
  const auto path = scratch.folder() / "model.onnx";
  ASSERT_TRUE(export_onnx(make_weights(kSmall, 3), {.opset = 17, .producer_version = "1"}, path));
  const auto file = read_tensor_file(path);
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->format, "ONNX");
  const auto fuse = std::ranges::find(file->tensors, "token_mix.2.1.fuse.weight", &Tensor::name);
  ASSERT_NE(fuse, file->tensors.end());
  EXPECT_EQ(fuse->shape_text(), "(8, 24, 1, 1)");
  EXPECT_EQ(fuse->to_float(), make_weights(kSmall, 3).blocks[2].fuse);
}

TEST(OnnxImport, TellsWidthFromHeightByTheAxisNotByTheOrder) {
  onnx::ModelProto model = exported(11);
  // The two mixings change places in the concatenation, and the fusion's columns with them.
  auto& concat = node_named(model, "token_mix.1/concat");
  concat.mutable_input()->SwapElements(1, 2);
  auto& fuse = weight_named(model, "token_mix.1.1.fuse.weight");
  const std::size_t channels = 8;
  std::vector<float> values(channels * 3 * channels), swapped;
  std::memcpy(values.data(), fuse.raw_data().data(), fuse.raw_data().size());
  swapped = values;
  for (std::size_t row = 0; row < channels; ++row) {
    const auto begin = static_cast<std::ptrdiff_t>(row * 3 * channels);
    std::swap_ranges(swapped.begin() + begin + 8, swapped.begin() + begin + 16, swapped.begin() + begin + 16);
  }
  fuse.set_raw_data(swapped.data(), swapped.size() * sizeof(float));
  auto got = import(model);
  ASSERT_TRUE(got) << got.error().message();
  Weights want = with_bn2_folded(make_weights(kSmall, 3));
  expect_same_weights(*got, want);
}

TEST(OnnxImport, LearnsThePictureSizeFromTheMixingMatrices) {
  onnx::ModelProto model = exported(17);
  auto* shape = model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  for (int d = 0; d < 4; ++d) shape->mutable_dim(d)->set_dim_param("d" + std::to_string(d));
  const auto got = import(model);
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->config, kSmall);
}

// Some releases of the newer exporter leave the model's modules as functions of the file.
TEST(OnnxImport, InlinesLocalFunctions) {
  onnx::ModelProto model = exported(20);
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    if (node.op_type() != "Gelu") continue;
    node.set_op_type("activation");
    node.set_domain("local");
    auto* form = node.add_attribute();
    form->set_name("form");
    form->set_type(onnx::AttributeProto::STRING);
    form->set_s("none");
  }
  auto* function = model.add_functions();
  function->set_domain("local");
  function->set_name("activation");
  function->add_input("x");
  function->add_output("y");
  function->add_attribute("form");
  auto* gelu = function->add_node();
  gelu->set_op_type("Gelu");
  gelu->add_input("x");
  gelu->add_output("inner");
  auto* reference = gelu->add_attribute();
  reference->set_name("approximate");
  reference->set_type(onnx::AttributeProto::STRING);
  reference->set_ref_attr_name("form");
  auto* identity = function->add_node();
  identity->set_op_type("Identity");
  identity->add_input("inner");
  identity->add_output("y");
  auto got = import(model);
  ASSERT_TRUE(got) << got.error().message();
  Weights want = with_bn2_folded(make_weights(kSmall, 3));
  expect_same_weights(*got, want);

  node_named(model, "channel_mix.0/gelu").mutable_attribute(0)->set_s("tanh");  // reaches the body by reference
  expect_refused(model, {"approximate='tanh'"});

  // A default of the function's, as field 11, which this ONNX may not know: for calls that give nothing else.
  onnx::AttributeProto form = node_named(model, "channel_mix.0/gelu").attribute(0);
  function->mutable_unknown_fields()->AddLengthDelimited(11, form.SerializeAsString());
  expect_refused(model, {"approximate='tanh'"});
  node_named(model, "channel_mix.0/gelu").mutable_attribute(0)->set_s("none");
  EXPECT_TRUE(import(model));
  node_named(model, "channel_mix.0/gelu").clear_attribute();
  expect_refused(model, {"approximate='tanh'"});
  function->mutable_unknown_fields()->Clear();
  EXPECT_TRUE(import(model)) << "the operator's own default";
  function->mutable_unknown_fields()->AddLengthDelimited(11, "no message");
  EXPECT_FALSE(import(model));
  function->mutable_unknown_fields()->Clear();

  *model.add_functions() = *function;
  expect_refused(model, {"two local functions 'activation'"});
  model.mutable_functions()->RemoveLast();
  model.mutable_functions(0)->set_domain("ai.onnx");
  expect_refused(model, {"a local function 'activation' in ONNX's own domain"});
  model.mutable_functions(0)->set_domain("local");
  auto* again = model.mutable_functions(0)->mutable_node(1);
  again->set_op_type("activation");  // calls itself
  again->set_domain("local");
  expect_refused(model, {"too deeply"});
}

// x W of the MLPs, "bhwc,co->bhwo", in other words for the same: with `transposed` W is stored as (o, c), with
// `weight_first` it is the first operand.
onnx::ModelProto with_einsum(bool transposed, bool weight_first) {
  onnx::ModelProto model = exported(17);
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    if (node.op_type() != "MatMul") continue;
    node.set_op_type("Einsum");
    const std::string x = "bhwc", w = transposed ? "oc" : "co";
    auto* equation = node.add_attribute();
    equation->set_name("equation");
    equation->set_type(onnx::AttributeProto::STRING);
    equation->set_s((weight_first ? w + "," + x : x + ", " + w) + "->bhwo");
    auto& weight = weight_named(model, node.input(1));
    if (weight_first) node.mutable_input()->SwapElements(0, 1);
    if (!transposed) continue;
    const auto rows = static_cast<std::size_t>(weight.dims(0)), columns = static_cast<std::size_t>(weight.dims(1));
    std::vector<float> values(rows * columns), turned(values.size());
    std::memcpy(values.data(), weight.raw_data().data(), weight.raw_data().size());
    for (std::size_t i = 0; i < values.size(); ++i) turned[i % columns * rows + i / columns] = values[i];
    weight.set_raw_data(turned.data(), turned.size() * sizeof(float));
    weight.set_dims(0, static_cast<std::int64_t>(columns));
    weight.set_dims(1, static_cast<std::int64_t>(rows));
  }
  return model;
}

TEST(OnnxImport, ReadsEinsumsOfOneMatrix) {
  Weights want = with_bn2_folded(make_weights(kSmall, 3));
  for (const bool transposed : {false, true}) {
    for (const bool weight_first : {false, true}) {
      SCOPED_TRACE(testing::Message() << transposed << " " << weight_first);
      auto got = import(with_einsum(transposed, weight_first));
      ASSERT_TRUE(got) << got.error().message();
      expect_same_weights(*got, want);
    }
  }
}

TEST(OnnxImport, RefusesOtherEinsums) {
  for (const char* equation : {"bhwc,co->bhwc", "bhw,co->bho", "bhwc,co->bho", "bhwc,cox->bhwo", "bhwc,cc->bhwo",
                               "bhwc->bhwo", "bhwc,co", "", "...c,co->...o", "bhwc,xo->bhwo"}) {
    SCOPED_TRACE(equation);
    onnx::ModelProto model = with_einsum(false, false);
    for (auto& node : *model.mutable_graph()->mutable_node()) {
      if (node.op_type() == "Einsum") node.mutable_attribute(0)->set_s(equation);
    }
    expect_refused(model, {"einsum"});
  }
}

TEST(OnnxImport, NamesTheNodeAtWhichAGraphDeparts) {
  auto model = exported(11);
  node_named(model, "token_mix.1/gelu_2/Erf").set_op_type("Tanh");
  expect_refused(model, {"token_mix.1/gelu_2/Erf", "Tanh", "after block 0's channel mixing", "exact GELU"});

  model = exported(11);
  node_named(model, "stem.0").mutable_attribute(3)->set_ints(0, 3);  // pads
  expect_refused(model, {"'stem.0' (Conv)", "patch embeddings"});

  model = exported(11);
  node_named(model, "channel_mix.2").set_input(0, "channel_mix.1");  // its residual skips a half-block
  expect_refused(model, {"departs from an sMLPNet"});

  model = exported(20);
  auto* attribute = node_named(model, "channel_mix.0/gelu").add_attribute();
  attribute->set_name("approximate");
  attribute->set_type(onnx::AttributeProto::STRING);
  attribute->set_s("tanh");
  expect_refused(model, {"channel_mix.0/gelu", "approximate='tanh'"});

  model = exported(11);
  node_named(model, "token_mix.2/concat").set_input(0, "token_mix.2/bn_1");
  expect_refused(model, {"token_mix.2/concat", "block 2's concatenation"});
}

TEST(OnnxImport, RefusesDamagedGraphs) {
  auto model = exported(11);
  weight_named(model, "channel_mix.1.2.net.0.bias").set_name("lost");
  expect_refused(model, {"channel_mix.1.2.net.0.bias", "no earlier node"});

  model = exported(11);
  node_named(model, "stem.0").set_input(0, "output");  // a cycle
  expect_refused(model, {"stem.0", "cycle"});

  model = exported(11);
  weight_named(model, "to_patch_embedding.0.0.weight").add_dims(std::int64_t{1} << 40);
  expect_refused(model, {"to_patch_embedding.0.0.weight", "too large"});

  model = exported(11);
  weight_named(model, "mlp_head.0.bias").mutable_raw_data()->pop_back();
  expect_refused(model, {"mlp_head.0.bias", "19 bytes", "20"});

  model = exported(11);
  weight_named(model, "mlp_head.0.bias").clear_name();
  expect_refused(model, {"mlp_head.0.bias", "no earlier node"});

  model = exported(11);
  model.mutable_graph()->clear_output();
  expect_refused(model, {"without an output"});
}

TEST(OnnxImport, ReadsNoFileOutsideOfTheModelsFolder) {
  const Scratch scratch;
  scratch.write("secret", std::string(20, 'x'));
  std::filesystem::create_directory(scratch.folder() / "model");
  std::filesystem::create_symlink("../secret", scratch.folder() / "model" / "link");
  for (const std::string location :
       {"../secret", (scratch.folder() / "secret").string().c_str(), "link", "", "missing"}) {
    auto model = exported(11);
    auto& bias = weight_named(model, "mlp_head.0.bias");
    bias.clear_raw_data();
    bias.set_data_location(onnx::TensorProto::EXTERNAL);
    auto* entry = bias.add_external_data();
    entry->set_key("location");
    entry->set_value(location);
    const auto weights = import(model, scratch.folder() / "model");
    ASSERT_FALSE(weights) << location;
    EXPECT_TRUE(weights.error().message().contains("beside the model")) << weights.error().message();
  }
}

// Each is looked at for numbers that are none; small descriptions could ask for that many times.
TEST(OnnxImport, TensorsRepeatTheSameDataOnlySoOften) {
  const Scratch scratch;
  constexpr std::int64_t kBytes = 8 << 20;
  std::filesystem::resize_file(scratch.write("data", ""), kBytes);
  auto model = exported(11);
  const auto add = [&](int count) {
    for (int i = 0; i < count; ++i) {
      auto& tensor = *model.mutable_graph()->add_initializer();
      tensor.set_name("unused " + std::to_string(model.graph().initializer_size()));
      tensor.set_data_type(onnx::TensorProto::FLOAT);
      tensor.add_dims(kBytes / 4);
      tensor.set_data_location(onnx::TensorProto::EXTERNAL);
      auto* entry = tensor.add_external_data();
      entry->set_key("location");
      entry->set_value("data");
    }
  };
  add(8);
  EXPECT_TRUE(import(model, scratch.folder()));
  add(8);
  const auto refused = import(model, scratch.folder());
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message().contains("tensors that repeat the same data")) << refused.error().message();
}

TEST(OnnxImport, AFileThatIsCutOffIsAnErrorAtEveryLength) {
  const std::string bytes = exported(17).SerializeAsString();
  for (std::size_t length = 0; length < bytes.size(); length += 1 + length / 37) {
    EXPECT_FALSE(import_onnx(std::as_bytes(std::span(bytes.data(), length)), {})) << length;
  }
}

}  // namespace
}  // namespace smlp::test
