#include "server/input_tensor.h"

#include <algorithm>
#include <cstring>

#include "base/printable.h"

namespace smlp::server {
namespace {

Answer<std::uint64_t> whole_number(std::string_view name, const ParameterValue& value) {
  if (const auto* number = std::get_if<std::uint64_t>(&value)) return *number;
  return refuse(400, "parameter '{}' is not a whole number from 0 on", name);
}

Answer<bool> yes_or_no(std::string_view name, const ParameterValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  return refuse(400, "parameter '{}' is not true or false", name);
}

Answer<void> no_shared_memory(std::string_view name) {
  if (name.starts_with("shared_memory")) return refuse(400, "shared memory is not supported");
  return {};
}

void add_pictures(InferRequest& request, const float* values, std::size_t each, std::size_t pictures) {
  for (std::size_t i = 0; i < pictures; ++i) request.pictures.emplace_back(std::span(values + i * each, each));
}

}  // namespace

std::string quoted(std::string_view word) { return fmt::format("'{}'", printable(shortened(word, 80))); }

Answer<void> take_request_parameter(InferRequest& request, std::string_view name, const ParameterValue& value) {
  if (name == "binary_data_output") {
    const auto flag = yes_or_no(name, value);
    if (!flag) return std::unexpected(flag.error());
    request.binary_by_default = *flag;
  } else if (name == "timeout") {  // microseconds
    const auto count = whole_number(name, value);
    if (!count) return std::unexpected(count.error());
    constexpr std::uint64_t day = 86'400'000'000;
    if (*count > 0) request.timeout = std::chrono::microseconds(std::min(*count, day));
  } else if (name == "priority") {
    const auto level = whole_number(name, value);
    if (!level) return std::unexpected(level.error());
    if (*level > kPriorityLevels) {
      return refuse(400, "parameter 'priority' is {}; it takes 1 (first) to {} (last), or 0 for {}", *level,
                    kPriorityLevels, kDefaultPriority);
    }
    request.priority = *level == 0 ? kDefaultPriority : static_cast<int>(*level);
  } else if (name.starts_with("sequence_")) {
    return refuse(400, "parameter {}: the model has no state, sequences mean nothing to it", quoted(name));
  }
  return {};
}

Answer<void> take_output_parameter(InferRequest& request, std::string_view name, const ParameterValue& value) {
  if (name == "binary_data") {
    const auto flag = yes_or_no(name, value);
    if (!flag) return std::unexpected(flag.error());
    request.binary_asked = *flag;
  } else if (name == "classification") {
    const auto count = whole_number(name, value);
    if (!count) return std::unexpected(count.error());
    request.classification = static_cast<int>(std::min<std::uint64_t>(*count, 1'000'000));
  }
  return no_shared_memory(name);
}

Answer<void> take_input_parameter(std::optional<std::uint64_t>& binary_bytes, std::string_view name,
                                  const ParameterValue& value) {
  if (name == "binary_data_size") {
    const auto count = whole_number(name, value);
    if (!count) return std::unexpected(count.error());
    binary_bytes = *count;
  }
  return no_shared_memory(name);
}

Answer<void> check_input_name(std::string_view name) {
  if (name == "input") return {};
  return refuse(400, "unexpected input {}; the model has one, 'input'", quoted(name));
}

Answer<void> check_output_name(std::string_view name) {
  if (name == "output") return {};
  return refuse(400, "unexpected output {}; the model has one, 'output'", quoted(name));
}

Answer<std::size_t> pictures_of(std::string_view datatype, std::span<const std::uint64_t> shape,
                                const InputShape& model) {
  const auto side = static_cast<std::uint64_t>(model.size);
  const auto channels = static_cast<std::uint64_t>(model.channels);
  if (datatype == "FP32") {
    if (shape.size() != 4 || shape[1] != channels || shape[2] != side || shape[3] != side) {
      return refuse(400, "input 'input' has shape [{}]; FP32 takes [N,{},{},{}]", fmt::join(shape, ","), channels, side,
                    side);
    }
  } else if (datatype == "BYTES") {
    const bool column = shape.size() == 2 && shape[1] == 1;
    if (shape.size() != 1 && !column) {
      return refuse(400, "input 'input' has shape [{}]; BYTES takes [N], an encoded picture an element",
                    fmt::join(shape, ","));
    }
  } else {
    return refuse(400, "input 'input' has datatype {}; it takes FP32 (prepared tensors) or BYTES (JPEG or PNG files)",
                  quoted(datatype));
  }
  if (shape[0] == 0) return refuse(400, "input 'input' holds no picture");
  if (shape[0] > kMaxPictures) {
    return refuse(400, "input 'input' has {} pictures; a request takes at most {}", shape[0], kMaxPictures);
  }
  return static_cast<std::size_t>(shape[0]);
}

Answer<void> add_tensor(InferRequest& request, std::span<const std::byte> bytes, std::size_t pictures,
                        const InputShape& model) {
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

Answer<void> add_values(InferRequest& request, std::size_t pictures, const InputShape& model) {
  const std::size_t wanted = pictures * model.values();
  if (request.values.size() != wanted) {
    return refuse(400, "'data' holds {} numbers; its shape says {}", request.values.size(), wanted);
  }
  add_pictures(request, request.values.data(), model.values(), pictures);
  return {};
}

Answer<void> add_encoded(InferRequest& request, std::span<const std::byte> bytes, std::size_t pictures) {
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

}  // namespace smlp::server
