#include "data/input_words.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/open_file.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;

Result<std::string> read_standard_input() {
  std::string text;
  char some[65536];
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, some, sizeof(some));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", errno, "standard input");
    if (got == 0) return text;
    text.append(some, static_cast<std::size_t>(got));
    if (text.size() > kMaxBytes) return fail("standard input: a list of more than {} bytes", kMaxBytes);
  }
}

Result<std::vector<fs::path>> paths_of_list(std::string_view text, const std::string& name) {
  std::vector<fs::path> paths;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.contains('\0')) {
      return fail(Error{.what = fmt::format("line {} has a zero byte in it", number),
                        .file = name,
                        .remedy = "a list has one path a line"});
    }
    if (!line.empty()) paths.emplace_back(line);
  }
  if (paths.empty()) return fail(Error{.what = "the list names nothing", .file = name});
  return paths;
}

}  // namespace

Result<std::vector<fs::path>> input_paths(std::string_view word) {
  std::error_code code;
  if (word == "-") {
    SMLP_TRY(text, read_standard_input());
    return paths_of_list(text, "standard input");
  }
  if (fs::exists(fs::symlink_status(fs::path(word), code))) return std::vector{fs::path(word)};
  if (word.starts_with('@') && word.size() > 1) {
    const fs::path list = word.substr(1);
    SMLP_TRY(text, read_text(list, kMaxBytes));
    return paths_of_list(text, list.string());
  }
  std::vector<fs::path> paths;
  for (std::size_t start = 0; start <= word.size();) {
    const std::size_t comma = std::min(word.find(',', start), word.size());
    if (comma > start) paths.emplace_back(word.substr(start, comma - start));
    start = comma + 1;
  }
  if (paths.empty()) return fail("'{}' names no file", word);
  return paths;
}

}  // namespace smlp
