// The one input of a model, as requests of both front ends describe it, and their parameters.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "server/infer_request.h"

namespace smlp::server {

// A parameter's value: those kinds that mean something to us; anything else is monostate.
using ParameterValue = std::variant<std::monostate, bool, std::uint64_t>;

// Errors: a value of the wrong kind; parameters of models with state. Those that are not ours are passed over.
Answer<void> take_request_parameter(InferRequest& request, std::string_view name, const ParameterValue& value);
Answer<void> take_output_parameter(InferRequest& request, std::string_view name, const ParameterValue& value);
// `binary_bytes`: where 'binary_data_size' goes.
Answer<void> take_input_parameter(std::optional<std::uint64_t>& binary_bytes, std::string_view name,
                                  const ParameterValue& value);

Answer<void> check_input_name(std::string_view name);
Answer<void> check_output_name(std::string_view name);

// How many pictures a shape says. Errors: a shape or a datatype that the model does not take.
Answer<std::size_t> pictures_of(std::string_view datatype, std::span<const std::uint64_t> shape,
                                const InputShape& model);

// Prepared tensors: little-endian float32, used where they lie, or copied to request.values if they lie unaligned.
Answer<void> add_tensor(InferRequest& request, std::span<const std::byte> bytes, std::size_t pictures,
                        const InputShape& model);
// Those that came one by one, in request.values.
Answer<void> add_values(InferRequest& request, std::size_t pictures, const InputShape& model);
// Encoded pictures, each its length (four bytes, little-endian) and its file.
Answer<void> add_encoded(InferRequest& request, std::span<const std::byte> bytes, std::size_t pictures);

// A word of the client's, safe and short enough to be said back.
std::string quoted(std::string_view word);

}  // namespace smlp::server
