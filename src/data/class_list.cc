#include "data/class_list.h"

#include <algorithm>

#include "base/open_file.h"
#include "base/printable.h"

namespace smlp {
namespace {

constexpr std::uint64_t kMaxBytes = 16 << 20;

constexpr std::string_view kBlanks = " \t";

bool has_name(std::string_view name) { return name.find_first_not_of(kBlanks) != name.npos && !name.contains('\0'); }

bool has_wnid(std::string_view line) {
  return line.size() > 9 && is_wnid(line.substr(0, 9)) && kBlanks.contains(line[9]) && has_name(line.substr(10));
}

// WordNet ids apart from names where all lines begin with one, or names alone. Errors: some lines have one and others
// not, which would leave all ids in the names.
template <class Lines>
Result<ClassList> parted(const Lines& lines) {
  const auto with_wnids = std::ranges::count_if(lines, has_wnid);
  if (with_wnids != 0 && with_wnids != std::ssize(lines)) {
    const auto odd = std::ranges::find_if_not(lines, has_wnid) - lines.begin();
    return fail(Error{.what = fmt::format("class {}, '{}', has no WordNet id and a name, and other classes have", odd,
                                          printable(shortened(lines[static_cast<std::size_t>(odd)], 40))),
                      .remedy = "every line is 'n01440764 tench' or the name alone"});
  }
  ClassList list;
  for (const std::string_view line : lines) {
    list.names.emplace_back(with_wnids > 0 ? line.substr(10) : line);
    if (with_wnids > 0) list.wnids.emplace_back(line.substr(0, 9));
  }
  return list;
}

}  // namespace

bool is_wnid(std::string_view word) {
  return word.size() == 9 && word[0] == 'n' &&
         std::ranges::all_of(word.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

Result<ClassList> check_class_list(ClassList list, int classes) {
  if (std::ssize(list.names) != classes) {
    return fail(Error{.what = fmt::format("{} class names for a model of {} classes", list.names.size(), classes),
                      .remedy = "one name per class is needed, in the order of the model's classes"});
  }
  if (const auto empty = std::ranges::find_if_not(list.names, has_name); empty != list.names.end()) {
    return fail("the name of class {} is empty, or has a zero byte in it", empty - list.names.begin());
  }
  return list.wnids.empty() ? parted(list.names) : list;
}

Result<ClassList> read_class_list(const std::filesystem::path& path, int classes) {
  const auto error = [&](std::string what, std::string remedy) {
    return fail(Error{.what = std::move(what), .file = path.string(), .remedy = std::move(remedy)});
  };
  SMLP_TRY(text, read_text(path, kMaxBytes));
  std::vector<std::string_view> lines;
  std::string_view rest = text;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  if (const auto empty = std::ranges::find_if_not(lines, has_name); empty != lines.end()) {
    return error(fmt::format("line {} is empty, or has a zero byte in it", empty - lines.begin() + 1),
                 "every line names one class");
  }
  if (const auto other = std::ranges::find_if_not(lines, is_utf8); other != lines.end()) {
    return error(fmt::format("line {} is not UTF-8", other - lines.begin() + 1), "save the file as UTF-8");
  }
  if (std::ssize(lines) != classes) {
    return error(fmt::format("{} class names for a model of {} classes", lines.size(), classes),
                 "one line per class is needed, in the order of the model's classes");
  }
  auto list = parted(lines);
  if (!list) return fail(std::move(list).error().in(path.string()));
  return list;
}

}  // namespace smlp
