#include "server/content_coding.h"

#include <cstdlib>

#include "formats/deflate.h"

namespace smlp::server {
namespace {

constexpr std::size_t kWorthIt = 1024;  // bytes; below, a packet is one packet

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_word(std::string_view text, std::string_view low) {
  if (text.size() != low.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]) != low[i]) return false;
  }
  return true;
}

// "q=0.5" of "gzip; q=0.5"; 1 where it says nothing, 0 where it cannot be read.
double weight_of(std::string_view parameters) {
  parameters = trimmed(parameters);
  if (parameters.empty()) return 1;
  if (!parameters.starts_with("q=") && !parameters.starts_with("Q=")) return 0;
  return std::strtod(std::string(parameters.substr(2)).c_str(), nullptr);
}

}  // namespace

std::string_view coding_for(std::string_view accept_encoding) {
  std::string_view best;
  double best_weight = 0;
  while (!accept_encoding.empty()) {
    const std::size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view element = accept_encoding.substr(0, end);
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    const std::size_t semicolon = std::min(element.find(';'), element.size());
    const std::string_view name = trimmed(element.substr(0, semicolon));
    const double weight = weight_of(element.substr(std::min(semicolon + 1, element.size())));
    for (const std::string_view known : {"gzip", "deflate"}) {
      const bool better = weight > best_weight || (weight == best_weight && known == "gzip" && weight > 0);
      if (!is_word(name, known) || !better) continue;
      best = known;
      best_weight = weight;
    }
  }
  return best;
}

bool is_compressed(const Reply& reply, std::string_view accept_encoding) {
  return reply.body.size() >= kWorthIt && !coding_for(accept_encoding).empty();
}

void compress(Reply& reply, std::string_view accept_encoding) {
  if (!is_compressed(reply, accept_encoding)) return;
  const std::string_view coding = coding_for(accept_encoding);
  auto packed = deflated(reply.body, coding == "gzip" ? DeflateWrapper::gzip : DeflateWrapper::zlib);
  if (!packed || packed->size() >= reply.body.size()) return;
  reply.body = std::move(*packed);
  reply.content_encoding = coding;
}

}  // namespace smlp::server
