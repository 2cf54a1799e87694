#include "data/input_words.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/open_file.h"
#include "data/brace_range.h"
#include "data/path_list.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxBytes = std::uint64_t{256} << 20;

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

// Where relative paths of a list in `folder` lead; an empty folder is the working folder.
ListPlace find_place(const fs::path& folder, std::string_view path) {
  const bool here = name_is_taken(path);
  if (folder.empty() || path.starts_with('/')) return here ? ListPlace::here : ListPlace::nowhere;
  const bool beside = name_is_taken(folder / path);
  if (!beside) return here ? ListPlace::here : ListPlace::nowhere;
  if (!here) return ListPlace::beside;
  std::error_code code;
  return fs::equivalent(path, folder / path, code) ? ListPlace::here : ListPlace::both;
}

Result<NamedPaths> paths_of_list(std::string_view text, const std::string& name, const fs::path& folder) {
  auto list = parse_list(text, [&](std::string_view path) { return find_place(folder, path); });
  if (!list) return fail(std::move(list).error().in(name));
  NamedPaths named{.paths = {}, .list = name};
  named.paths.reserve(list->lines.size());
  for (ListLine& line : list->lines) {
    fs::path path = list->beside ? folder / line.path : fs::path(std::move(line.path));
    named.paths.push_back({.path = std::move(path), .label = std::move(line.label), .line = line.number});
  }
  return named;
}

// The parts between commas, those within braces left alone.
std::vector<std::string_view> parts_of(std::string_view word) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  bool inside = false;
  for (std::size_t i = 0; i <= word.size(); ++i) {
    if (i == word.size() || (word[i] == ',' && !inside)) {
      if (i > start) parts.push_back(word.substr(start, i - start));
      start = i + 1;
    } else if (word[i] == '{' || word[i] == '}') {
      inside = word[i] == '{' && word.find('}', i) != std::string_view::npos;
    }
  }
  return parts;
}

}  // namespace

Result<NamedPaths> input_paths(std::string_view word) {
  if (word == "-") {
    SMLP_TRY(text, read_standard_input());
    return paths_of_list(text, "standard input", {});
  }
  if (name_is_taken(word)) return NamedPaths{.paths = {{.path = word}}};
  if (word.starts_with('@') && word.size() > 1) {
    const fs::path list = word.substr(1);
    SMLP_TRY(text, read_text(list, kMaxBytes));
    return paths_of_list(text, list.string(), list.parent_path());
  }
  NamedPaths named;
  for (const std::string_view part : parts_of(word)) {
    if (name_is_taken(part)) {
      named.paths.push_back({.path = part});
      continue;
    }
    SMLP_TRY(names, expand_braces(part));
    for (std::string& name : names) named.paths.push_back({.path = std::move(name)});
  }
  if (named.paths.empty()) return fail("'{}' names no file", word);
  return named;
}

}  // namespace smlp
