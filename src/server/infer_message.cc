#include "server/infer_message.h"

#include "server/input_tensor.h"
#include "server/open_inference.pb.h"

namespace smlp::server {
namespace {

using inference::InferParameter;
using Input = inference::ModelInferRequest::InferInputTensor;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

ParameterValue parameter_of(const InferParameter& parameter) {
  switch (parameter.parameter_choice_case()) {
    case InferParameter::kBoolParam:
      return parameter.bool_param();
    case InferParameter::kInt64Param:
      if (parameter.int64_param() < 0) return {};
      return static_cast<std::uint64_t>(parameter.int64_param());
    case InferParameter::kUint64Param:
      return parameter.uint64_param();
    default:
      return {};
  }
}

template <class Map, class Take>
Answer<void> each_parameter(const Map& parameters, Take take) {
  for (const auto& [name, parameter] : parameters) {
    if (auto taken = take(name, parameter_of(parameter)); !taken) return taken;
  }
  return {};
}

Answer<std::vector<std::uint64_t>> shape_of(const Input& input) {
  if (input.shape_size() > 8) return refuse(400, "an input's 'shape' has more than 8 dimensions");
  std::vector<std::uint64_t> shape;
  for (const std::int64_t size : input.shape()) {
    if (size < 0) return refuse(400, "a dimension of an input's 'shape' is negative");
    shape.push_back(static_cast<std::uint64_t>(size));
  }
  return shape;
}

Answer<void> take_typed(InferRequest& request, const Input& input, std::size_t pictures, const InputShape& shape) {
  const inference::InferTensorContents& contents = input.contents();
  const int others = contents.bool_contents_size() + contents.int_contents_size() + contents.int64_contents_size() +
                     contents.uint_contents_size() + contents.uint64_contents_size() + contents.fp64_contents_size();
  const bool encoded = input.datatype() == "BYTES";
  if (others > 0 || (encoded ? contents.fp32_contents_size() : contents.bytes_contents_size()) > 0) {
    return refuse(400, "input 'input' of datatype {} comes in another type's contents", input.datatype());
  }
  if (!encoded) {
    const std::span values(contents.fp32_contents().data(), static_cast<std::size_t>(contents.fp32_contents_size()));
    return add_tensor(request, std::as_bytes(values), pictures, shape);
  }
  if (static_cast<std::size_t>(contents.bytes_contents_size()) != pictures) {
    return refuse(400, "input 'input' holds {} elements; its shape says {}", contents.bytes_contents_size(), pictures);
  }
  for (const std::string& picture : contents.bytes_contents()) request.pictures.emplace_back(bytes_of(picture));
  return {};
}

Answer<void> take_input(InferRequest& request, const inference::ModelInferRequest& message, const InputShape& shape) {
  if (message.inputs_size() == 0) return refuse(400, "'inputs' is empty; the model has one, 'input'");
  for (const Input& input : message.inputs()) {
    if (auto known = check_input_name(input.name()); !known) return known;
  }
  if (message.inputs_size() > 1) return refuse(400, "input 'input' is there twice");
  const Input& input = message.inputs(0);
  std::optional<std::uint64_t> binary_bytes;  // of no use here
  auto taken = each_parameter(input.parameters(), [&](std::string_view name, const ParameterValue& value) {
    return take_input_parameter(binary_bytes, name, value);
  });
  if (!taken) return taken;
  const auto sizes = shape_of(input);
  if (!sizes) return std::unexpected(sizes.error());
  const auto pictures = pictures_of(input.datatype(), *sizes, shape);
  if (!pictures) return std::unexpected(pictures.error());
  if (message.raw_input_contents_size() == 0) return take_typed(request, input, *pictures, shape);
  if (input.has_contents()) return refuse(400, "input 'input' has both contents and raw_input_contents; give one");
  if (message.raw_input_contents_size() > 1) return refuse(400, "raw_input_contents has more elements than inputs");
  const auto raw = bytes_of(message.raw_input_contents(0));
  return input.datatype() == "BYTES" ? add_encoded(request, raw, *pictures)
                                     : add_tensor(request, raw, *pictures, shape);
}

}  // namespace

Answer<InferRequest> read_infer_message(const inference::ModelInferRequest& message, const InputShape& shape) {
  InferRequest request;
  request.id = message.id();
  auto taken = each_parameter(message.parameters(), [&](std::string_view name, const ParameterValue& value) {
    return take_request_parameter(request, name, value);
  });
  if (!taken) return std::unexpected(taken.error());
  if (message.outputs_size() > 1) return refuse(400, "output 'output' is asked for twice");
  for (const auto& output : message.outputs()) {
    if (auto known = check_output_name(output.name()); !known) return std::unexpected(known.error());
    taken = each_parameter(output.parameters(), [&](std::string_view name, const ParameterValue& value) {
      return take_output_parameter(request, name, value);
    });
    if (!taken) return std::unexpected(taken.error());
  }
  if (taken = take_input(request, message, shape); !taken) return std::unexpected(taken.error());
  return request;
}

Answer<void> write_infer_message(const ServedModel& model, const InferRequest& request, std::span<const Logits> logits,
                                 inference::ModelInferResponse& message) {
  const auto output = infer_output(model, request, logits);
  if (!output) return std::unexpected(output.error());
  message.set_model_name(model.name);
  message.set_model_version(model.version);
  message.set_id(request.id);
  auto& described = *message.add_outputs();
  described.set_name("output");
  described.set_datatype(std::string(output->datatype()));
  described.add_shape(static_cast<std::int64_t>(output->rows));
  described.add_shape(static_cast<std::int64_t>(output->columns));
  output->add_raw(*message.add_raw_output_contents());
  return {};
}

}  // namespace smlp::server
