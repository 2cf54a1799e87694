// TLS of both front ends, from the files of --tls-cert and --tls-key.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace smlp::server {

// PEM texts: a certificate, with those of its authorities behind it where they are needed, and its key.
struct TlsFiles {
  std::string certificate, key;
};

Result<TlsFiles> read_tls_files(const std::filesystem::path& certificate, const std::filesystem::path& key);

// TLS 1.2 and 1.3. Errors: texts that are not PEM, a key that is not the certificate's.
Result<std::unique_ptr<boost::asio::ssl::context>> make_tls(const TlsFiles& files);

}  // namespace smlp::server
