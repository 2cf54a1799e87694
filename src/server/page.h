// The page at `/`, for a person.
#pragma once

#include <string_view>

namespace smlp::server {

std::string_view page();  // HTML; needs nothing but this server

}  // namespace smlp::server
