// Compression of answers: what a client takes, and how it is done.
#pragma once

#include <string_view>

#include "server/reply.h"

namespace smlp::server {

// The coding of those that Accept-Encoding takes which the server likes best: "gzip", "deflate", or "" for none.
std::string_view coding_for(std::string_view accept_encoding);

// Whether compress() would try.
bool is_compressed(const Reply& reply, std::string_view accept_encoding);

// Packs the body of an answer, if that makes it smaller; says so in `reply`.
void compress(Reply& reply, std::string_view accept_encoding);

}  // namespace smlp::server
