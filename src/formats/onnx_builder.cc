#include "formats/onnx_builder.h"

namespace smlp::graph {

void GraphBuilder::describe(onnx::ValueInfoProto& value, const std::string& name, std::span<const std::int64_t> rest) {
  value.set_name(name);
  auto* type = value.mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  type->mutable_shape()->add_dim()->set_dim_param("batch");
  for (const std::int64_t extent : rest) type->mutable_shape()->add_dim()->set_dim_value(extent);
}

template <class T>
std::string GraphBuilder::add(const std::string& name, int type, std::span<const std::int64_t> shape,
                              std::span<const T> values) {
  auto* tensor = graph_.add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  for (const std::int64_t extent : shape) tensor->add_dims(extent);
  tensor->set_raw_data(values.data(), values.size_bytes());
  names_.insert(name);
  return name;
}

std::string GraphBuilder::weight(const std::string& name, const std::vector<std::int64_t>& shape,
                                 std::span<const float> values) {
  return add(name, onnx::TensorProto::FLOAT, shape, values);
}

std::string GraphBuilder::weight(const std::string& name, const std::vector<std::int64_t>& shape,
                                 std::span<const std::int8_t> values) {
  return add(name, onnx::TensorProto::INT8, shape, values);
}

std::string GraphBuilder::weight(const std::string& name, const std::vector<std::int64_t>& shape,
                                 std::span<const std::uint8_t> values) {
  return add(name, onnx::TensorProto::UINT8, shape, values);
}

std::string GraphBuilder::integers(const std::string& name, std::span<const std::int64_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return add(name, onnx::TensorProto::INT64, std::span(&count, 1), values);
}

std::string GraphBuilder::node(const char* op, const std::string& name, std::initializer_list<std::string> inputs,
                               Attributes attributes) {
  auto* node = graph_.add_node();
  node->set_op_type(op);
  node->set_name(name);
  for (const std::string& input : inputs) node->add_input(input);
  node->add_output(name);
  for (const auto& [key, value] : attributes) {
    auto* attribute = node->add_attribute();
    attribute->set_name(key);
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      attribute->set_type(onnx::AttributeProto::INT);
      attribute->set_i(*number);
    } else if (const auto* real = std::get_if<float>(&value)) {
      attribute->set_type(onnx::AttributeProto::FLOAT);
      attribute->set_f(*real);
    } else {
      attribute->set_type(onnx::AttributeProto::INTS);
      for (const std::int64_t item : std::get<std::vector<std::int64_t>>(value)) attribute->add_ints(item);
    }
  }
  return name;
}

}  // namespace smlp::graph
