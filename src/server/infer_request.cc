#include "server/infer_request.h"

#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/printable.h"
#include "data/picture_files.h"
#include "server/request_body.h"

namespace smlp::server {
namespace {

namespace dom = simdjson::dom;
static_assert(kBodyPadding >= simdjson::SIMDJSON_PADDING);

// A word of the client's, safe and short enough to be said back.
std::string quoted(std::string_view word) { return fmt::format("'{}'", printable(shortened(word, 80))); }

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

Answer<bool> bool_of(const dom::element& value, std::string_view what) {
  bool flag = false;
  if (value.get(flag) != simdjson::SUCCESS) return refuse(400, "{} is not true or false", what);
  return flag;
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
  bool binary_by_default = false;
  std::optional<bool> binary_asked = {};

  Answer<void> take_request(const dom::object& object);
  Answer<void> take_parameters(const dom::element& value);
  Answer<void> take_inputs(const dom::element& value);
  Answer<void> take_outputs(const dom::element& value);
  Answer<void> take_output(const dom::element& value);
  Answer<void> fill(std::span<const std::byte> binary);
  Answer<std::size_t> pictures_of(const Input& input) const;
  Answer<void> fill_numbers(const Input& input, std::size_t pictures);
  Answer<void> fill_tensor(std::span<const std::byte> bytes, std::size_t pictures);
  Answer<void> fill_encoded(std::span<const std::byte> bytes, std::size_t pictures);
};

Answer<void> Parser::take_request(const dom::object& object) {
  bool has_inputs = false;
  auto taken = each_member(object, "the request", [&](std::string_view key, const dom::element& value) -> Answer<void> {
    if (key == "id") {
      const auto id = text_of(value, "'id'");
      if (!id) return std::unexpected(id.error());
      request.id = *id;
    } else if (key == "parameters") {
      return take_parameters(value);
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
  request.binary_output = binary_asked.value_or(binary_by_default);
  return {};
}

Answer<void> Parser::take_parameters(const dom::element& value) {
  const auto object = object_of(value, "'parameters'");
  if (!object) return std::unexpected(object.error());
  return each_member(*object, "'parameters'", [&](std::string_view key, const dom::element& member) -> Answer<void> {
    if (key == "binary_data_output") {
      const auto flag = bool_of(member, "parameter 'binary_data_output'");
      if (!flag) return std::unexpected(flag.error());
      binary_by_default = *flag;
    } else if (key == "timeout") {
      const auto count = count_of(member, "parameter 'timeout' (microseconds)");
      if (!count) return std::unexpected(count.error());
      constexpr std::uint64_t day = 86'400'000'000;
      if (*count > 0) request.timeout = std::chrono::microseconds(std::min(*count, day));
    } else if (key.starts_with("sequence_")) {
      return refuse(400, "parameter {}: the model has no state, sequences mean nothing to it", quoted(key));
    }
    return {};
  });
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
      const auto parameters = object_of(member, "an input's 'parameters'");
      if (!parameters) return std::unexpected(parameters.error());
      return each_member(*parameters, "an input's 'parameters'",
                         [&](std::string_view name, const dom::element& word) -> Answer<void> {
                           if (name.starts_with("shared_memory")) return refuse(400, "shared memory is not supported");
                           if (name != "binary_data_size") return {};
                           const auto count = count_of(word, "parameter 'binary_data_size'");
                           if (!count) return std::unexpected(count.error());
                           input.binary_bytes = *count;
                           return {};
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
    if (input->name != "input") {
      return refuse(400, "unexpected input {}; the model has one, 'input'", quoted(input->name));
    }
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
      if (*name != "output") return refuse(400, "unexpected output {}; the model has one, 'output'", quoted(*name));
      named = true;
    } else if (key == "parameters") {
      const auto parameters = object_of(member, "an output's 'parameters'");
      if (!parameters) return std::unexpected(parameters.error());
      return each_member(*parameters, "an output's 'parameters'",
                         [&](std::string_view name, const dom::element& word) -> Answer<void> {
                           if (name.starts_with("shared_memory")) return refuse(400, "shared memory is not supported");
                           if (name == "binary_data") {
                             const auto flag = bool_of(word, "parameter 'binary_data'");
                             if (!flag) return std::unexpected(flag.error());
                             binary_asked = *flag;
                           } else if (name == "classification") {
                             const auto count = count_of(word, "parameter 'classification'");
                             if (!count) return std::unexpected(count.error());
                             request.classification = static_cast<int>(std::min<std::uint64_t>(*count, 1'000'000));
                           }
                           return {};
                         });
    }
    return {};
  });
  if (taken && !named) return refuse(400, "an output has no 'name'");
  return taken;
}

// How many pictures the input's shape says.
Answer<std::size_t> Parser::pictures_of(const Input& input) const {
  const std::vector<std::uint64_t>& shape = *input.shape;
  const auto side = static_cast<std::uint64_t>(model.size);
  const auto channels = static_cast<std::uint64_t>(model.channels);
  if (input.datatype == "FP32") {
    if (shape.size() != 4 || shape[1] != channels || shape[2] != side || shape[3] != side) {
      return refuse(400, "input 'input' has shape [{}]; FP32 takes [N,{},{},{}]", fmt::join(shape, ","), channels, side,
                    side);
    }
  } else if (input.datatype == "BYTES") {
    const bool column = shape.size() == 2 && shape[1] == 1;
    if (shape.size() != 1 && !column) {
      return refuse(400, "input 'input' has shape [{}]; BYTES takes [N], an encoded picture an element",
                    fmt::join(shape, ","));
    }
  } else {
    return refuse(400, "input 'input' has datatype {}; it takes FP32 (prepared tensors) or BYTES (JPEG or PNG files)",
                  quoted(input.datatype));
  }
  if (shape[0] == 0) return refuse(400, "input 'input' holds no picture");
  if (shape[0] > kMaxPictures) {
    return refuse(400, "input 'input' has {} pictures; a request takes at most {}", shape[0], kMaxPictures);
  }
  return static_cast<std::size_t>(shape[0]);
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

void add_pictures(InferRequest& request, const float* values, std::size_t each, std::size_t pictures) {
  for (std::size_t i = 0; i < pictures; ++i) request.pictures.emplace_back(std::span(values + i * each, each));
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
  if (request.values.size() != wanted) {
    return refuse(400, "'data' holds {} numbers; its shape says {}", request.values.size(), wanted);
  }
  add_pictures(request, request.values.data(), model.values(), pictures);
  return {};
}

Answer<void> Parser::fill_tensor(std::span<const std::byte> bytes, std::size_t pictures) {
  const std::size_t wanted = pictures * model.values() * sizeof(float);
  if (bytes.size() != wanted) {
    return refuse(400, "input 'input' comes with {} bytes; its shape and datatype say {}", bytes.size(), wanted);
  }
  const auto* values = reinterpret_cast<const float*>(bytes.data());
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(float) != 0) {
    request.values.resize(pictures * model.values());
    std::memcpy(request.values.data(), bytes.data(), bytes.size());
    values = request.values.data();
  }
  add_pictures(request, values, model.values(), pictures);
  return {};
}

// Each element is its length, four bytes, little-endian, and the file.
Answer<void> Parser::fill_encoded(std::span<const std::byte> bytes, std::size_t pictures) {
  while (!bytes.empty()) {
    if (request.pictures.size() == pictures) return refuse(400, "input 'input' has bytes behind its last element");
    std::uint32_t length = 0;
    if (bytes.size() < sizeof length) return refuse(400, "input 'input' ends within the length of an element");
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes = bytes.subspan(sizeof length);
    if (length > bytes.size()) {
      return refuse(400, "element {} of input 'input' claims {} bytes; {} are left", request.pictures.size(), length,
                    bytes.size());
    }
    request.pictures.emplace_back(bytes.first(length));
    bytes = bytes.subspan(length);
  }
  if (request.pictures.size() != pictures) {
    return refuse(400, "input 'input' holds {} elements; its shape says {}", request.pictures.size(), pictures);
  }
  return {};
}

Answer<void> Parser::fill(std::span<const std::byte> binary) {
  const Input& input = inputs.front();
  const auto pictures = pictures_of(input);
  if (!pictures) return std::unexpected(pictures.error());
  const std::uint64_t announced = input.binary_bytes.value_or(0);
  if (announced != binary.size()) {
    return refuse(400, "{} bytes follow the JSON; its 'binary_data_size' says {}", binary.size(), announced);
  }
  if (input.data) return fill_numbers(input, *pictures);
  return input.datatype == "BYTES" ? fill_encoded(binary, *pictures) : fill_tensor(binary, *pictures);
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
  Parser parser{shape};
  if (auto filled = parser.fill_tensor(body, body.size() / each); !filled) return std::unexpected(filled.error());
  return std::move(parser.request);
}

}  // namespace smlp::server
