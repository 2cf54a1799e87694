// What an ONNX file may not bring in: numbers that are none, weights of another type, a value or name given twice; and
// graphs that would make much work or memory of few bytes.
#include <gmock/gmock.h>
#include <onnx/onnx_pb.h>

#include <cstring>
#include <ctime>
#include <limits>

#include "formats/onnx_models.h"
#include "formats/read.h"

namespace smlp::test {
namespace {

using testing::HasSubstr;

std::string import_error(const onnx::ModelProto& model) {
  const auto weights = import(model);
  return weights ? "no error" : weights.error().message();
}

void set_first(onnx::TensorProto& tensor, float value) {
  std::memcpy(tensor.mutable_raw_data()->data(), &value, sizeof(value));
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// One-dimensional integers as an initializer.
void add_integers(onnx::ModelProto& model, const std::string& name, const std::vector<std::int64_t>& values) {
  auto& tensor = *model.mutable_graph()->add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx::TensorProto::INT64);
  tensor.add_dims(std::ssize(values));
  tensor.set_raw_data(values.data(), values.size() * sizeof(std::int64_t));
}

// A node at the graph's start.
onnx::NodeProto& add_first(onnx::ModelProto& model) {
  auto& nodes = *model.mutable_graph()->mutable_node();
  nodes.Add();
  for (int i = nodes.size() - 1; i > 0; --i) nodes.SwapElements(i, i - 1);
  return nodes[0];
}

TEST(OnnxGate, RefusesWhatIsNotFiniteInAnyInitializer) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const int opset : {11, 17}) {
    const auto whole = exported(opset);
    ASSERT_EQ(import_error(whole), "no error");
    int floats = 0;
    for (int i = 0; i < whole.graph().initializer_size(); ++i) {
      if (whole.graph().initializer(i).data_type() != onnx::TensorProto::FLOAT) continue;
      ++floats;
      for (const float value : {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity}) {
        auto model = whole;
        auto& tensor = *model.mutable_graph()->mutable_initializer(i);
        set_first(tensor, value);
        EXPECT_THAT(import_error(model), HasSubstr(fmt::format("tensor '{}': element 0 is", tensor.name())));
      }
    }
    EXPECT_GT(floats, 40);
  }
}

// FLOAT as INT32, of the same size. Some shapes and scales may be integers; weights may not.
TEST(OnnxGate, RefusesWeightsOfAnotherType) {
  const auto whole = exported(17);
  for (int i = 0; i < whole.graph().initializer_size(); ++i) {
    if (whole.graph().initializer(i).data_type() != onnx::TensorProto::FLOAT) continue;
    auto model = whole;
    auto& tensor = *model.mutable_graph()->mutable_initializer(i);
    tensor.set_data_type(onnx::TensorProto::INT32);
    EXPECT_THAT(import_error(model), HasSubstr("int32")) << tensor.name();
  }
}

TEST(OnnxGate, RefusesNegativeVariances) {
  auto model = exported(17);
  for (auto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.name() == "batch_norm.running_var") set_first(tensor, -0.5F);
  }
  EXPECT_THAT(import_error(model), HasSubstr("a variance cannot be negative"));
}

TEST(OnnxGate, RefusesWhatIsGivenTwice) {
  auto model = exported(17);
  *model.mutable_graph()->add_initializer() = weight_named(model, "mlp_head.0.bias");
  EXPECT_THAT(import_error(model), HasSubstr("tensor 'mlp_head.0.bias': stands twice"));

  model = exported(17);
  auto& node = add_first(model);
  node.set_op_type("Identity");
  node.add_input("mlp_head.0.bias");
  node.add_output("mlp_head.0.weight");
  EXPECT_THAT(import_error(model), HasSubstr("gives 'mlp_head.0.weight', which is there already"));

  model = exported(17);
  for (const char* classes : {"[\"a\"]", "[\"b\"]"}) {
    auto& pair = *model.add_metadata_props();
    pair.set_key("smlp.classes");
    pair.set_value(classes);
  }
  const std::string bytes = model.SerializeAsString();
  const auto listed = list_onnx_tensors(std::as_bytes(std::span(bytes)), {});
  ASSERT_FALSE(listed);
  EXPECT_THAT(listed.error().message(), HasSubstr("smlp.classes"));
}

TEST(OnnxBudget, RanksAreBounded) {
  auto model = exported(13);
  auto& tensor = weight_named(model, "mlp_head.0.bias");
  for (int i = 0; i < 64; ++i) tensor.add_dims(1);
  EXPECT_THAT(import_error(model), HasSubstr("65 dimensions; at most 64 are possible"));
}

// Each of the chained nodes adds dimensions, of a constant or of the pictures.
TEST(OnnxBudget, ChainedUnsqueezeEndsAtOnce) {
  for (const bool constant : {true, false}) {
    auto model = exported(13);
    std::vector<std::int64_t> axes(100'000);
    for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<std::int64_t>(i);
    std::string last = constant ? "mlp_head.0.bias" : "input";
    std::vector<std::string> names;
    for (int i = 0; i < 6; ++i) {
      add_integers(model, fmt::format("axes{}", i), axes);
      names.push_back(std::exchange(last, fmt::format("unsqueezed{}", i)));
    }
    for (int i = 6; i-- > 0;) {
      auto& node = add_first(model);
      node.set_op_type("Unsqueeze");
      node.add_input(names[static_cast<std::size_t>(i)]);
      node.add_input(fmt::format("axes{}", i));
      node.add_output(fmt::format("unsqueezed{}", i));
    }
    for (auto& node : *model.mutable_graph()->mutable_node()) {
      for (auto& name : *node.mutable_input()) {
        if (name == (constant ? "mlp_head.0.bias" : "input") && node.op_type() != "Unsqueeze") name = last;
      }
    }
    const double start = cpu_seconds();
    EXPECT_THAT(import_error(model), HasSubstr("dimensions; at most 64 are possible"));
    EXPECT_LT(cpu_seconds() - start, 5);
  }
}

TEST(OnnxBudget, NamesAreBounded) {
  auto model = exported(13);
  const std::string name(2000, 'n');
  weight_named(model, "mlp_head.0.bias").set_name(name);
  for (auto& node : *model.mutable_graph()->mutable_node()) {
    for (auto& input : *node.mutable_input()) {
      if (input == "mlp_head.0.bias") input = name;
    }
  }
  EXPECT_THAT(import_error(model), HasSubstr("a name of 2000 bytes"));
}

// A function of one big node, called again and again.
TEST(OnnxBudget, FunctionsThatUnfoldToMuchAreRefused) {
  auto model = exported(17);
  auto& function = *model.add_functions();
  function.set_name("Big");
  function.set_domain("local");
  function.add_output("out");
  auto& body = *function.add_node();
  body.set_op_type("Constant");
  body.add_output("out");
  auto& attribute = *body.add_attribute();
  attribute.set_name("value_ints");
  attribute.set_type(onnx::AttributeProto::INTS);
  for (int i = 0; i < 10'000; ++i) attribute.add_ints(1);
  for (int i = 0; i < 20'000; ++i) {
    auto& call = *model.mutable_graph()->add_node();
    call.set_op_type("Big");
    call.set_domain("local");
    call.add_output(fmt::format("big{}", i));
  }
  const double start = cpu_seconds();
  EXPECT_THAT(import_error(model), HasSubstr("unfold to far more than the file holds"));
  EXPECT_LT(cpu_seconds() - start, 10);
}

TEST(OnnxBudget, AFileOfEmptyMessagesIsRefusedBeforeItIsParsed) {
  std::string nodes;
  for (int i = 0; i < 400'000; ++i) nodes += std::string("\x0A\x00", 2);  // GraphProto.node of nothing
  std::string bytes("\x08\x08\x3A", 3);                                   // ir_version 8, graph
  for (std::size_t left = nodes.size(); left > 0; left >>= 7U) {
    bytes += static_cast<char>((left & 0x7FU) | (left > 0x7F ? 0x80U : 0U));
  }
  bytes += nodes;
  const auto weights = import_onnx(std::as_bytes(std::span(bytes)), {});
  ASSERT_FALSE(weights);
  EXPECT_THAT(weights.error().message(), HasSubstr("texts and messages in its protobuf"));
}

}  // namespace
}  // namespace smlp::test
