#include "server/infer_request.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>

#include "data/picture_files.h"
#include "server/input_tensor.h"
#include "server/request_body.h"

namespace smlp::server {
namespace {

namespace dom = simdjson::dom;
static_assert(kBodyPadding >= simdjson::SIMDJSON_PADDING);

// The members of an object that we know, each at most once; the others (parameters that are not ours) are passed over.
template <class Take>
Answer<void> each_member(const dom::object& object, std::string_view what, Take take) {
  std::vector<std::string_view> seen;
  for (const auto& [key, value] : object) {
    if (std::ranges::find(seen, key) != seen.end()) return refuse(400, "{} has {} twice", what, quoted(key));
    if (seen.size() == 256) return refuse(400, "{} has more than 256 members", what);
    seen.push_back(key);
    if (auto taken = take(key, value); !taken) return taken;
  }
  return {};
}

Answer<dom::object> object_of(const dom::element& value, std::string_view what) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return refuse(400, "{} is not an object", what);
  return object;
}

Answer<std::string_view> text_of(const dom::element& value, std::string_view what) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return refuse(400, "{} is not a string", what);
  return text;
}

ParameterValue parameter_of(const dom::element& value) {
  bool flag = false;
  if (value.get(flag) == simdjson::SUCCESS) return flag;
  std::uint64_t count = 0;
  if (value.get(count) == simdjson::SUCCESS) return count;
  return {};
}

// An object of parameters, each handed to `take`.
template <class Take>
Answer<void> each_parameter(const dom::element& value, std::string_view what, Take take) {
  const auto object = object_of(value, what);
  if (!object) return std::unexpected(object.error());
  return each_member(*object, what, [&](std::string_view name, const dom::element& member) {
    return take(name, parameter_of(member));
  });
}

Answer<std::uint64_t> count_of(const dom::element& value, std::string_view what) {
  std::uint64_t count = 0;
  if (value.get(count) != simdjson::SUCCESS) return refuse(400, "{} is not a whole number from 0 on", what);
  return count;
}

// One input as the JSON describes it.
struct Input {
  std::string_view name, datatype;
  std::optional<std::vector<std::uint64_t>> shape;
  std::optional<dom::array> data;
  std::optional<std::uint64_t> binary_bytes;
};

struct Parser {
  const InputShape& model;
  InferRequest request = {};
  std::vector<Input> inputs = {};

  Answer<void> take_request(const dom::object& object);
  Answer<void> take_inputs(const dom::element& value);
  Answer<void> take_outputs(const dom::element& value);
  Answer<void> take_output(const dom::element& value);
  Answer<void> fill(std::span<const std::byte> binary);
  Answer<void> fill_numbers(const Input& input, std::size_t pictures);
};

Answer<void> Parser::take_request(const dom::object& object) {
  bool has_inputs = false;
  auto taken = each_member(object, "the request", [&](std::string_view key, const dom::element& value) -> Answer<void> {
    if (key == "id") {
      const auto id = text_of(value, "'id'");
      if (!id) return std::unexpected(id.error());
      request.id = *id;
    } else if (key == "parameters") {
      return each_parameter(value, "'parameters'", [&](std::string_view name, const ParameterValue& word) {
        return take_request_parameter(request, name, word);
      });
    } else if (key == "inputs") {
      has_inputs = true;
      return take_inputs(value);
    } else if (key == "outputs") {
      return take_outputs(value);
    }
    return {};
  });
  if (!taken) return taken;
  if (!has_inputs) return refuse(400, "the request has no 'inputs'");
  return {};
}

Answer<Input> input_of(const dom::element& value) {
  Input input;
  const auto object = object_of(value, "an element of 'inputs'");
  if (!object) return std::unexpected(object.error());
  auto taken = each_member(*object, "an input", [&](std::string_view key, const dom::element& member) -> Answer<void> {
    if (key == "name" || key == "datatype") {
      const auto text = text_of(member, fmt::format("an input's '{}'", key));
      if (!text) return std::unexpected(text.error());
      (key == "name" ? input.name : input.datatype) = *text;
    } else if (key == "shape") {
      dom::array sizes;
      if (member.get(sizes) != simdjson::SUCCESS) return refuse(400, "an input's 'shape' is not an array");
      input.shape.emplace();
      for (const dom::element size : sizes) {
        const auto count = count_of(size, "a dimension of an input's 'shape'");
        if (!count) return std::unexpected(count.error());
        if (input.shape->size() == 8) return refuse(400, "an input's 'shape' has more than 8 dimensions");
        input.shape->push_back(*count);
      }
    } else if (key == "data") {
      dom::array data;
      if (member.get(data) != simdjson::SUCCESS) return refuse(400, "an input's 'data' is not an array");
      input.data = data;
    } else if (key == "parameters") {
      return each_parameter(member, "an input's 'parameters'", [&](std::string_view name, const ParameterValue& word) {
        return take_input_parameter(input.binary_bytes, name, word);
      });
    }
    return {};
  });
  if (!taken) return std::unexpected(taken.error());
  if (input.name.empty()) return refuse(400, "an input has no 'name'");
  if (input.datatype.empty()) return refuse(400, "input {} has no 'datatype'", quoted(input.name));
  if (!input.shape) return refuse(400, "input {} has no 'shape'", quoted(input.name));
  if (input.data && input.binary_bytes) {
    return refuse(400, "input {} has both 'data' and 'binary_data_size'; give one", quoted(input.name));
  }
  if (!input.data && !input.binary_bytes) {
    return refuse(400, "input {} has neither 'data' nor 'binary_data_size'", quoted(input.name));
  }
  return input;
}

Answer<void> Parser::take_inputs(const dom::element& value) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS) return refuse(400, "'inputs' is not an array");
  for (const dom::element element : array) {
    auto input = input_of(element);
    if (!input) return std::unexpected(input.error());
    if (auto known = check_input_name(input->name); !known) return known;
    if (!inputs.empty()) return refuse(400, "input 'input' is there twice");
    inputs.push_back(std::move(*input));
  }
  if (inputs.empty()) return refuse(400, "'inputs' is empty; the model has one, 'input'");
  return {};
}

Answer<void> Parser::take_outputs(const dom::element& value) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS) return refuse(400, "'outputs' is not an array");
  int outputs = 0;
  for (const dom::element element : array) {
    if (++outputs > 1) return refuse(400, "output 'output' is asked for twice");
    if (auto taken = take_output(element); !taken) return taken;
  }
  return {};
}

Answer<void> Parser::take_output(const dom::element& value) {
  const auto object = object_of(value, "an element of 'outputs'");
  if (!object) return std::unexpected(object.error());
  bool named = false;
  auto taken = each_member(*object, "an output", [&](std::string_view key, const dom::element& member) -> Answer<void> {
    if (key == "name") {
      const auto name = text_of(member, "an output's 'name'");
      if (!name) return std::unexpected(name.error());
      named = true;
      return check_output_name(*name);
    } else if (key == "parameters") {
      return each_parameter(member, "an output's 'parameters'", [&](std::string_view name, const ParameterValue& word) {
        return take_output_parameter(request, name, word);
      });
    }
    return {};
  });
  if (taken && !named) return refuse(400, "an output has no 'name'");
  return taken;
}

// JSON numbers, flat or nested as the shape is; the order is the same.
Answer<void> flatten(const dom::array& array, std::size_t depth, std::size_t limit, std::vector<float>& to) {
  for (const dom::element element : array) {
    dom::array inner;
    if (element.get(inner) == simdjson::SUCCESS) {
      if (depth == 0) return refuse(400, "'data' is nested deeper than its shape");
      if (auto taken = flatten(inner, depth - 1, limit, to); !taken) return taken;
      continue;
    }
    double value = 0;
    if (element.get(value) != simdjson::SUCCESS) return refuse(400, "'data' of datatype FP32 holds more than numbers");
    const auto number = static_cast<float>(value);
    if (!std::isfinite(number)) return refuse(400, "'data' holds {}, which no FP32 can", value);
    if (to.size() == limit) return refuse(400, "'data' holds more than the {} numbers of its shape", limit);
    to.push_back(number);
  }
  return {};
}

Answer<void> Parser::fill_numbers(const Input& input, std::size_t pictures) {
  if (input.datatype == "BYTES") {
    return refuse(400,
                  "pictures cannot be sent as JSON strings, which are Unicode; send them as binary data "
                  "('binary_data_size'), or one as the body with Content-Type: image/jpeg");
  }
  const std::size_t wanted = pictures * model.values();
  request.values.reserve(std::min<std::size_t>(wanted, std::size_t{1} << 20));
  if (auto taken = flatten(*input.data, 3, wanted, request.values); !taken) return taken;
  return add_values(request, pictures, model);
}

Answer<void> Parser::fill(std::span<const std::byte> binary) {
  const Input& input = inputs.front();
  const auto pictures = pictures_of(input.datatype, *input.shape, model);
  if (!pictures) return std::unexpected(pictures.error());
  const std::uint64_t announced = input.binary_bytes.value_or(0);
  if (announced != binary.size()) {
    return refuse(400, "{} bytes follow the JSON; its 'binary_data_size' says {}", binary.size(), announced);
  }
  if (input.data) return fill_numbers(input, *pictures);
  return input.datatype == "BYTES" ? add_encoded(request, binary, *pictures)
                                   : add_tensor(request, binary, *pictures, model);
}

bool is_picture_file(std::span<const std::byte> bytes) {
  return is_picture_start({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

Answer<InferRequest> parse_infer_request(std::span<const std::byte> body, std::optional<std::size_t> json_bytes,
                                         const InputShape& shape) {
  const std::size_t length = json_bytes.value_or(body.size());
  if (length > body.size()) {
    return refuse(400, "Inference-Header-Content-Length is {}; the body has {} bytes", length, body.size());
  }
  if (length == 0) return refuse(400, "the request has no body");
  if (length > kMaxJsonRequest) {
    return refuse(413, "{} bytes of JSON; at most {} are taken: send tensors as binary data", length, kMaxJsonRequest);
  }
  dom::parser json(kMaxJsonRequest);
  if (json.allocate(length, kMaxJsonLevels) != simdjson::SUCCESS) return refuse(503, "out of memory");
  dom::element root;
  const auto problem = json.parse(reinterpret_cast<const std::uint8_t*>(body.data()), length, false).get(root);
  if (problem != simdjson::SUCCESS) {
    return refuse(400, "the request is not valid JSON: {}", simdjson::error_message(problem));
  }
  const auto object = object_of(root, "the request");
  if (!object) return std::unexpected(object.error());
  Parser parser{shape};
  if (auto taken = parser.take_request(*object); !taken) return std::unexpected(taken.error());
  if (auto filled = parser.fill(body.subspan(length)); !filled) return std::unexpected(filled.error());
  return std::move(parser.request);
}

Answer<InferRequest> parse_raw_request(std::span<const std::byte> body, std::string_view content_type,
                                       const InputShape& shape) {
  const std::size_t each = shape.values() * sizeof(float);
  const bool named = content_type.starts_with("image/");
  const bool picture = named || is_picture_file(body);
  const bool tensor = !named && !body.empty() && body.size() % each == 0;
  if (picture && tensor) {
    return refuse(400, "the body may be a picture or a tensor; say Content-Type: image/jpeg, or describe it in JSON");
  }
  InferRequest request;
  if (picture) {
    request.pictures.emplace_back(body);
    return request;
  }
  if (!tensor) {
    return refuse(400, "the body is neither a JPEG or PNG file nor a multiple of {} bytes (FP32 [{},{},{}])", each,
                  shape.channels, shape.size, shape.size);
  }
  if (body.size() / each > kMaxPictures) return refuse(400, "a request takes at most {} pictures", kMaxPictures);
  if (auto filled = add_tensor(request, body, body.size() / each, shape); !filled) {
    return std::unexpected(filled.error());
  }
  return request;
}

}  // namespace smlp::server
