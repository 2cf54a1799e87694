// Texts that never change: the page at `/`, for a person, and the description of the paths, for programs.
#pragma once

#include <string_view>

namespace smlp::server {

std::string_view page();     // HTML; needs nothing but this server
std::string_view openapi();  // OpenAPI 3.0, JSON

}  // namespace smlp::server
