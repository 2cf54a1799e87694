#include "server/access_keys.h"

#include <algorithm>

#include "base/open_file.h"

namespace smlp::server {
namespace {

constexpr std::uint64_t kLargestFile = 1 << 20;
constexpr std::size_t kShortestKey = 16;

// Takes as long wherever the two differ.
bool equal(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned differing = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    differing |= static_cast<unsigned>(static_cast<unsigned char>(a[i])) ^ static_cast<unsigned char>(b[i]);
  }
  return differing == 0;
}

bool is_visible(char c) { return c > ' ' && c < '\x7f'; }

// "Bearer KEY"; the scheme in any case (RFC 9110, 11.1).
std::string_view key_of(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() < scheme.size()) return {};
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != scheme[i]) return {};
  }
  authorization.remove_prefix(scheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  return authorization;
}

}  // namespace

Result<AccessKeys> AccessKeys::read(const std::filesystem::path& file) {
  SMLP_TRY(text, read_text(file, kLargestFile));
  AccessKeys access;
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    if (line.size() < kShortestKey || !std::ranges::all_of(line, is_visible)) {  // the key itself is not said
      return fail(
          Error{.what = fmt::format("line {} is no key: {} visible ASCII characters or more", number, kShortestKey),
                .file = file.string(),
                .remedy = "`openssl rand -hex 32` makes one"});
    }
    access.keys_.emplace_back(line);
  }
  if (access.keys_.empty()) {
    return fail(Error{.what = "the file holds no key",
                      .file = file.string(),
                      .remedy = "write one a line; `openssl rand -hex 32` makes one"});
  }
  return access;
}

Answer<void> AccessKeys::check(std::string_view authorization) const {
  if (keys_.empty()) return {};
  const std::string_view given = key_of(authorization);
  bool known = false;
  for (const std::string& key : keys_) known = equal(key, given) || known;
  if (known) return {};
  return refuse(401, "{}",
                given.empty() ? "a key is needed: the header Authorization: Bearer KEY" : "the key is not known");
}

}  // namespace smlp::server
