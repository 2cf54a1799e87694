#include "data/class_list.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/open_file.h"

namespace smlp {
namespace {

constexpr std::uint64_t kMaxBytes = 16 << 20;

bool is_wnid(std::string_view word) {
  return word.size() == 9 && word[0] == 'n' &&
         std::ranges::all_of(word.substr(1), [](char c) { return c >= '0' && c <= '9'; });
}

bool has_wnid(std::string_view line) { return line.size() > 10 && is_wnid(line.substr(0, 9)) && line[9] == ' '; }

// The class of every folder, where each name stands for exactly one class; else empty.
std::vector<int> find_all(std::span<const std::string> folders, std::span<const std::string> known) {
  std::map<std::string_view, int> index;
  for (int i = 0; i < static_cast<int>(known.size()); ++i) {
    const auto [place, is_new] = index.emplace(known[static_cast<std::size_t>(i)], i);
    if (!is_new) place->second = -1;  // the name of several classes stands for none
  }
  std::vector<int> found;
  for (const std::string& folder : folders) {
    const auto place = index.find(folder);
    if (place == index.end() || place->second < 0) return {};
    found.push_back(place->second);
  }
  return found;
}

}  // namespace

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
  if (const auto empty = std::ranges::find(lines, ""); empty != lines.end()) {
    return error(fmt::format("line {} is empty", empty - lines.begin() + 1), "every line names one class");
  }
  if (std::ssize(lines) != classes) {
    return error(fmt::format("{} class names for a model of {} classes", lines.size(), classes),
                 "one line per class is needed, in the order of the model's classes");
  }
  ClassList list;
  const bool with_wnids = std::ranges::all_of(lines, has_wnid);
  for (const std::string_view line : lines) {
    list.names.emplace_back(with_wnids ? line.substr(10) : line);
    if (with_wnids) list.wnids.emplace_back(line.substr(0, 9));
  }
  return list;
}

Result<LabelMap> map_labels(std::span<const std::string> folders, int classes, const ClassList& list) {
  if (auto found = find_all(folders, list.wnids); !found.empty()) return LabelMap{std::move(found), LabelRule::by_wnid};
  if (auto found = find_all(folders, list.names); !found.empty()) return LabelMap{std::move(found), LabelRule::by_name};
  if (std::ssize(folders) != classes) {
    const bool fewer = std::ssize(folders) < classes;
    return fail(Error{.what = fmt::format("{} class folders for a model of {} classes", folders.size(), classes),
                      .remedy = fewer
                                    ? "give every class its folder, or name the folders as the model names its classes "
                                      "(for WordNet ids, pass --classes with lines of `n01440764 name`)"
                                    : "the data set has classes that the model does not know; choose the data set that "
                                      "the model was trained for"});
  }
  LabelMap map;
  for (int i = 0; i < classes; ++i) map.class_of_folder.push_back(i);
  return map;
}

}  // namespace smlp
