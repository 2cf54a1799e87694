#include "formats/onnx_graph.h"

#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "formats/onnx_proto.h"
#include "model/gate.h"

namespace smlp::graph {
namespace {

constexpr int kDeepestFunction = 32;
// After inlining. An sMLPNet-B takes some thousands of nodes; what a file of a few bytes a node can hold is allowed,
// too.
constexpr std::uint64_t kNodes = 50'000, kBytesANode = 64;
constexpr std::uint64_t kEdges = 200'000, kBytesAnEdge = 16;
// Bytes of the nodes that are read, those of a function once for every call: a small function called often must not
// make much of a small file.
constexpr std::uint64_t kNodeBytes = std::uint64_t{16} << 20, kReadings = 4;
constexpr std::uint64_t kChecked = std::uint64_t{64} << 20;  // bytes of tensors, for numbers that are none
// Names are copied with every view of a tensor. Exporters write up to some hundred characters.
constexpr std::size_t kLongestName = 1024;

template <class T>
const T* find(const Node& node, std::string_view key) {
  const auto found = node.attributes.find(key);
  return found == node.attributes.end() ? nullptr : std::get_if<T>(found->second.get());
}

std::string domain_of(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

// FunctionProto.attribute_proto, which the protobufs of ONNX before 1.13 do not know.
template <class Function>
Result<std::vector<onnx::AttributeProto>> default_attributes(const Function& function) {
  std::vector<onnx::AttributeProto> out;
  if constexpr (requires { function.attribute_proto(); }) {
    out.assign(function.attribute_proto().begin(), function.attribute_proto().end());
  } else {
    constexpr int kAttributeProto = 11;
    const auto& unknown = function.unknown_fields();
    for (int i = 0; i < unknown.field_count(); ++i) {
      const auto& field = unknown.field(i);
      if (field.number() != kAttributeProto || field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
        continue;
      }
      if (!out.emplace_back().ParseFromString(field.length_delimited()))
        return fail("a damaged default of an attribute");
    }
  }
  return out;
}

// Names of one graph or one function body -> values.
using Scope = std::unordered_map<std::string, int>;

class Builder {
 public:
  Builder(const onnx::ModelProto& model, std::uint64_t bytes, const std::filesystem::path& folder)
      : model_(model),
        tensors_(folder),
        bytes_(bytes),
        most_nodes_(kNodes + bytes / kBytesANode),
        most_edges_(kEdges + bytes / kBytesAnEdge),
        node_bytes_left_(kNodeBytes + kReadings * bytes) {}

  Result<Graph> build() {
    for (const auto& set : model_.opset_import()) {
      if (domain_of(set.domain()).empty()) graph_.opset = std::max(graph_.opset, set.version());
    }
    if (graph_.opset == 0) return fail("the file does not say which ONNX opset it is written in");
    SMLP_CHECK(read_functions());
    SMLP_CHECK(read_initializers());
    SMLP_CHECK(read_input());
    SMLP_CHECK(read_nodes(model_.graph().node(), scope_, nullptr, 0));
    SMLP_CHECK(read_output());
    drop_unused();
    graph_.owners = tensors_.take_owners();
    graph_.bytes = tensors_.external_bytes();
    return std::move(graph_);
  }

 private:
  static Result<void> check_name(const std::string& name) {
    if (name.size() <= kLongestName) return {};
    return fail("a name of {} bytes ('{}...'); at most {} are possible", name.size(), name.substr(0, 32), kLongestName);
  }

  int value(Scope& scope, const std::string& name) {
    if (name.empty()) return -1;
    const auto [at, is_new] = scope.try_emplace(name, static_cast<int>(graph_.values.size()));
    if (is_new) graph_.values.push_back(name);
    return at->second;
  }

  Result<void> read_functions() {
    for (const auto& function : model_.functions()) {
      const std::string domain = domain_of(function.domain());
      if (domain.empty()) {
        return fail(
            Error{.what = fmt::format("a local function '{}' in ONNX's own domain", shortened(function.name(), 80)),
                  .remedy = "give it a domain of its own"});
      }
      if (!functions_.emplace(domain + '\n' + function.name(), &function).second) {
        return fail(Error{.what = fmt::format("two local functions '{}'", shortened(function.name(), 80)),
                          .remedy = "export the network without overloads of functions"});
      }
    }
    return {};
  }

  Result<void> read_initializers() {
    if (model_.graph().sparse_initializer_size() > 0) return fail("sparse weights, which an sMLPNet does not have");
    for (const auto& proto : model_.graph().initializer()) {
      SMLP_CHECK(check_name(proto.name()));
      SMLP_TRY(tensor, tensors_.read(proto));
      if (proto.name().empty()) continue;  // no node can take it
      SMLP_CHECK(check_numbers(tensor));
      if (!graph_.constants.emplace(value(scope_, proto.name()), std::move(tensor)).second) {
        return fail(Error{.what = "stands twice in the file", .tensor = proto.name()});
      }
    }
    return {};
  }

  // Tensors may name the same external data again and again.
  Result<void> check_numbers(const Tensor& tensor) {
    if (!is_floating_point(tensor.dtype)) return {};
    checked_ += tensor.storage.size();
    if (checked_ > kChecked + kReadings * (bytes_ + tensors_.external_bytes())) {
      return fail("tensors that repeat the same data, far more of them than a network has");
    }
    return check_weights(tensor);
  }

  // The one input that is not an initializer (old exporters list those among the inputs).
  Result<void> read_input() {
    for (const auto& input : model_.graph().input()) {
      SMLP_CHECK(check_name(input.name()));
      const int id = value(scope_, input.name());
      if (id < 0 || graph_.constants.contains(id)) continue;
      if (graph_.input >= 0) {
        return fail(Error{.what = fmt::format("two inputs, '{}' and '{}': an sMLPNet has one, the pictures",
                                              graph_.values[graph_.input], input.name()),
                          .remedy = "where one of them is a weight, export the weights with the model"});
      }
      graph_.input = id;
      if (!input.type().tensor_type().has_shape()) continue;
      for (const auto& dim : input.type().tensor_type().shape().dim()) {
        graph_.input_shape.push_back(dim.has_dim_value() && dim.dim_value() > 0 ? dim.dim_value() : -1);
      }
    }
    return graph_.input >= 0 ? Result<void>{} : fail("a graph without an input for pictures");
  }

  Result<void> read_output() {
    if (model_.graph().output_size() == 0) return fail("a graph without an output");
    const std::string& name = model_.graph().output(0).name();
    SMLP_CHECK(check_name(name));
    if (model_.graph().output_size() > 1) {
      return fail("{} outputs ('{}', '{}', ...): an sMLPNet has one, the logits", model_.graph().output_size(), name,
                  model_.graph().output(1).name());
    }
    graph_.output = value(scope_, name);
    return graph_.output >= 0 ? Result<void>{} : fail("an output without a name");
  }

  // `given` holds the attributes of the call where the nodes are a function's body.
  Result<void> read_nodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes, Scope& scope,
                          const Attributes* given, int depth) {
    for (const auto& proto : nodes) {
      SMLP_CHECK(charge(proto));
      Node node{.name = proto.name(), .domain = domain_of(proto.domain()), .op = proto.op_type()};
      SMLP_CHECK(read_attributes(proto, given, node));
      for (const auto& name : proto.input()) node.inputs.push_back(value(scope, name));
      for (const auto& name : proto.output()) node.outputs.push_back(value(scope, name));
      const auto function = functions_.find(node.domain + '\n' + node.op);
      if (function != functions_.end()) {
        SMLP_CHECK(inline_call(node, *function->second, depth));
      } else {
        graph_.nodes.push_back(std::move(node));
      }
    }
    return {};
  }

  // Calls count, too.
  Result<void> charge(const onnx::NodeProto& proto) {
    for (const auto& name : proto.input()) SMLP_CHECK(check_name(name));
    for (const auto& name : proto.output()) SMLP_CHECK(check_name(name));
    edges_ += 1 + static_cast<std::size_t>(proto.input_size() + proto.output_size());
    if (graph_.nodes.size() >= most_nodes_ || edges_ > most_edges_) {
      return fail(
          "a graph of more than {} nodes or {} edges, local functions inlined, which is more than a file of "
          "this size needs",
          most_nodes_, most_edges_);
    }
    return charge_bytes(proto.ByteSizeLong());
  }

  Result<void> charge_bytes(std::uint64_t bytes) {
    if (bytes > node_bytes_left_) return fail("local functions that unfold to far more than the file holds");
    node_bytes_left_ -= bytes;
    return {};
  }

  Result<void> inline_call(const Node& call, const onnx::FunctionProto& function, int depth) {
    if (depth >= kDeepestFunction) return fail("{}: functions call each other too deeply", graph_.label(call));
    Scope scope;
    for (int i = 0; i < function.input_size(); ++i) scope[function.input(i)] = call.input(static_cast<std::size_t>(i));
    const int outputs = std::min(function.output_size(), static_cast<int>(call.outputs.size()));
    // An output that is also an input, or is named twice, is passed on by an Identity below.
    std::vector<std::pair<int, int>> passed;
    for (int i = 0; i < outputs; ++i) {
      if (call.outputs[i] < 0) continue;
      const auto [at, is_new] = scope.try_emplace(function.output(i), call.outputs[i]);
      if (!is_new) passed.emplace_back(at->second, call.outputs[i]);
    }
    SMLP_TRY(given, attributes_of(call, function));
    SMLP_CHECK(read_nodes(function.node(), scope, &given, depth + 1));
    for (const auto& [from, to] : passed) {
      graph_.nodes.push_back(Node{.name = call.name, .op = "Identity", .inputs = {from}, .outputs = {to}});
    }
    return {};
  }

  // What the call gives, and the function's own defaults for what it does not.
  Result<Attributes> attributes_of(const Node& call, const onnx::FunctionProto& function) {
    Node defaults;
    SMLP_TRY(attributes, default_attributes(function));
    for (const onnx::AttributeProto& attribute : attributes) {
      SMLP_CHECK(charge_bytes(attribute.ByteSizeLong()));
      SMLP_CHECK(read_attribute(attribute, defaults));
    }
    Attributes given = call.attributes;
    given.merge(defaults.attributes);
    return given;
  }

  Result<void> read_attributes(const onnx::NodeProto& proto, const Attributes* given, Node& node) {
    for (const auto& attribute : proto.attribute()) {
      if (!attribute.ref_attr_name().empty()) {
        if (given == nullptr) {
          return fail("{}: its attribute '{}' refers to a function's, outside of one", graph_.label(node),
                      shortened(attribute.name(), 80));
        }
        if (const auto found = given->find(attribute.ref_attr_name()); found != given->end()) {
          node.attributes.insert_or_assign(attribute.name(), found->second);
        }
        continue;
      }
      SMLP_CHECK(read_attribute(attribute, node));
    }
    return {};
  }

  Result<void> read_attribute(const onnx::AttributeProto& from, Node& node) {
    using P = onnx::AttributeProto;
    if (from.type() == P::UNDEFINED || node.attributes.contains(from.name())) {
      return fail(Error{.what = fmt::format("{}: its attribute '{}' {}", graph_.label(node), shortened(from.name(), 80),
                                            from.type() == P::UNDEFINED ? "has no type" : "stands twice"),
                        .remedy = "the file is damaged; export it again"});
    }
    const auto set = [&](Attribute to) {
      node.attributes.insert_or_assign(from.name(), std::make_shared<const Attribute>(std::move(to)));
    };
    switch (from.type()) {
      case P::INT:
        set(static_cast<std::int64_t>(from.i()));
        break;
      case P::FLOAT:
        set(from.f());
        break;
      case P::STRING:
        set(from.s());
        break;
      case P::INTS:
        set(std::vector<std::int64_t>(from.ints().begin(), from.ints().end()));
        break;
      case P::FLOATS:
        set(std::vector<float>(from.floats().begin(), from.floats().end()));
        break;
      case P::TENSOR: {
        SMLP_CHECK(check_name(from.t().name()));
        SMLP_TRY(tensor, tensors_.read(from.t()));
        SMLP_CHECK(check_numbers(tensor));
        set(std::move(tensor));
        break;
      }
      default:
        break;  // subgraphs: their nodes are refused by name
    }
    return {};
  }

  // Keeps the nodes that the output depends on: exporters leave shape arithmetic behind that nothing uses.
  void drop_unused() {
    std::vector<bool> used(graph_.values.size(), false);
    used[graph_.output] = true;
    std::vector<Node> kept;
    for (auto node = graph_.nodes.rbegin(); node != graph_.nodes.rend(); ++node) {
      if (std::ranges::none_of(node->outputs, [&](int id) { return id >= 0 && used[id]; })) continue;
      for (const int id : node->inputs) {
        if (id >= 0) used[id] = true;
      }
      kept.push_back(std::move(*node));
    }
    std::ranges::reverse(kept);
    graph_.nodes = std::move(kept);
  }

  const onnx::ModelProto& model_;
  TensorReader tensors_;
  std::unordered_map<std::string, const onnx::FunctionProto*> functions_;
  Scope scope_;
  Graph graph_;
  const std::uint64_t bytes_;
  std::uint64_t most_nodes_, most_edges_, node_bytes_left_, checked_ = 0;
  std::size_t edges_ = 0;
};

}  // namespace

std::int64_t Node::integer(std::string_view key, std::int64_t fallback) const {
  const auto* found = find<std::int64_t>(*this, key);
  return found == nullptr ? fallback : *found;
}

float Node::real(std::string_view key, float fallback) const {
  const auto* found = find<float>(*this, key);
  return found == nullptr ? fallback : *found;
}

std::string Node::text(std::string_view key, std::string_view fallback) const {
  const auto* found = find<std::string>(*this, key);
  return found == nullptr ? std::string(fallback) : *found;
}

const std::vector<std::int64_t>* Node::integers(std::string_view key) const {
  return find<std::vector<std::int64_t>>(*this, key);
}

const std::vector<float>* Node::reals(std::string_view key) const { return find<std::vector<float>>(*this, key); }

const Tensor* Node::tensor(std::string_view key) const { return find<Tensor>(*this, key); }

std::string Graph::label(const Node& node) const {
  std::string name = node.name;
  if (name.empty() && !node.outputs.empty() && node.outputs[0] >= 0) name = values[node.outputs[0]];
  const std::string op = node.domain.empty() ? node.op : node.domain + "." + node.op;
  return fmt::format("node '{}' ({})", name, op);
}

Result<Graph> read_graph(std::span<const std::byte> bytes, const std::filesystem::path& folder) {
  SMLP_TRY(model, parse_model(bytes));
  SMLP_TRY(graph, Builder(*model, bytes.size(), folder).build());
  graph.bytes += bytes.size();
  graph.owners.push_back(model);
  return std::move(graph);
}

Result<TensorFile> list_initializers(std::span<const std::byte> bytes, const std::filesystem::path& folder) {
  SMLP_TRY(model, parse_model(bytes));
  TensorFile file{.path = {}, .format = "ONNX", .tensors = {}, .metadata = {}, .owners = {}};
  TensorReader tensors(folder);
  for (const auto& proto : model->graph().initializer()) {
    SMLP_TRY(tensor, tensors.read(proto));
    file.tensors.push_back(std::move(tensor));
  }
  for (const auto& pair : model->metadata_props()) {
    if (!file.metadata.emplace(pair.key(), pair.value()).second) {
      return fail("its metadata say '{}' twice", pair.key());
    }
  }
  file.owners = tensors.take_owners();
  file.owners.push_back(model);
  return file;
}

}  // namespace smlp::graph
