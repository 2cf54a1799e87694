// Who may ask: the keys of --api-key-file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "server/reply.h"

namespace smlp::server {

class AccessKeys {
 public:
  AccessKeys() = default;  // none: everybody may ask

  // A text file of one key a line; empty lines and those that begin with # are passed over. Errors: a file that cannot
  // be read, no key in it, a key that is short or holds more than visible ASCII.
  static Result<AccessKeys> read(const std::filesystem::path& file);

  // `authorization`: what a request says of itself, "Bearer KEY". Errors: 401.
  Answer<void> check(std::string_view authorization) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace smlp::server
