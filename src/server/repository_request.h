// Bodies of the requests to the repository (Triton's model repository extension): of the index {"ready": true}, of load
// and unload {"parameters": {...}}. All of it may be missing.
#pragma once

#include <span>

#include "server/routes.h"

namespace smlp::server {

inline constexpr std::size_t kMaxRepositoryRequest = 65536;  // bytes

// Adds to the route what its body asks for. Errors: no JSON object, values of another kind, parameters that would have
// to do something which this server does not do.
Answer<void> take_repository_request(Route& route, std::span<const std::byte> body);

// A parameter of load or unload.
Answer<void> check_repository_parameter(Route::Kind kind, std::string_view name);

}  // namespace smlp::server
