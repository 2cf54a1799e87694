#include "server/tls.h"

#include "base/open_file.h"

namespace smlp::server {
namespace {

namespace ssl = boost::asio::ssl;

constexpr std::uint64_t kLargestFile = 1 << 20;

std::unexpected<Error> no_good(std::string_view what, const boost::system::error_code& problem) {
  return fail(Error{.what = fmt::format("the {}: {}", what, problem.message()),
                    .remedy =
                        "give PEM files: the certificate with its chain as --tls-cert, its key, without a password, "
                        "as --tls-key"});
}

}  // namespace

Result<TlsFiles> read_tls_files(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  TlsFiles files;
  SMLP_TRY(certificate_text, read_text(certificate, kLargestFile));
  SMLP_TRY(key_text, read_text(key, kLargestFile));
  files.certificate = std::move(certificate_text);
  files.key = std::move(key_text);
  return files;
}

Result<std::unique_ptr<ssl::context>> make_tls(const TlsFiles& files) {
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  boost::system::error_code problem;
  context->set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, problem);
  if (!problem) {
    context->set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); }, problem);
  }
  if (problem) return no_good("TLS library", problem);
  context->use_certificate_chain(boost::asio::buffer(files.certificate), problem);
  if (problem) return no_good("certificate cannot be used", problem);
  context->use_private_key(boost::asio::buffer(files.key), ssl::context::pem, problem);
  if (problem) return no_good("key cannot be used, or is not the certificate's", problem);
  return context;
}

}  // namespace smlp::server
