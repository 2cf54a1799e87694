#include "data/label_map.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace smlp {
namespace {

using Candidates = std::vector<int>;  // classes that a folder may stand for

std::unexpected<Error> label_error(std::string what, std::string remedy) {
  return fail(Error{.what = std::move(what), .remedy = std::move(remedy)});
}

// "'a', 'b' and 3 more"
std::string listed(std::span<const std::string> words) {
  constexpr std::size_t kShown = 10;
  std::string text;
  for (const std::string& word : words.first(std::min(words.size(), kShown))) {
    text += (text.empty() ? "'" : ", '") + word + "'";
  }
  return words.size() > kShown ? text + fmt::format(" and {} more", words.size() - kShown) : text;
}

// Underscores are spaces, runs of spaces are one, none stand at the ends.
std::string spaced(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '_' || c == '\t';
    if (!space) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

// Words and the classes that they may mean. A word found as it is written counts before one of another case: ImageNet
// has a Cardigan, which is a dog, and a cardigan.
class Dictionary {
 public:
  void add(std::string_view text, int index) {
    const std::string word = spaced(text);
    if (word.empty()) return;
    insert(exact_[word], index);
    insert(folded_[lower(word)], index);
  }

  Candidates find(std::string_view text) const {
    const std::string word = spaced(text);
    if (const auto at = exact_.find(word); at != exact_.end()) return at->second;
    const auto at = folded_.find(lower(word));
    return at == folded_.end() ? Candidates() : at->second;
  }

 private:
  static void insert(Candidates& classes, int index) {
    if (classes.empty() || classes.back() != index) classes.push_back(index);
  }

  std::map<std::string, Candidates> exact_, folded_;
};

struct Matching {
  LabelRule rule;
  std::vector<Candidates> of_folder;

  std::size_t found() const {
    return of_folder.size() - static_cast<std::size_t>(std::ranges::count_if(of_folder, &Candidates::empty));
  }
  bool complete() const {
    return std::ranges::all_of(of_folder, [](const Candidates& classes) { return classes.size() == 1; });
  }
};

Matching match(LabelRule rule, std::span<const std::string> folders, const Dictionary& words) {
  Matching matching{.rule = rule, .of_folder = {}};
  for (const std::string& folder : folders) matching.of_folder.push_back(words.find(folder));
  return matching;
}

Matching match_wnids(std::span<const std::string> folders, const ClassList& list) {
  Dictionary words;
  for (std::size_t i = 0; i < list.wnids.size(); ++i) words.add(list.wnids[i], static_cast<int>(i));
  return match(LabelRule::wnid, folders, words);
}

// A whole name may be a synonym of another class ("maillot" and "maillot, tank suit"). It means its own class only
// where all folders are plainly named by whole names: at least one by a name that has commas in it.
Matching match_names(std::span<const std::string> folders, const ClassList& list) {
  Dictionary whole, synonyms;
  for (int i = 0; i < static_cast<int>(list.names.size()); ++i) {
    std::string_view rest = list.names[static_cast<std::size_t>(i)];
    whole.add(rest, i);
    synonyms.add(rest, i);
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      synonyms.add(rest.substr(0, comma), i);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  Matching by_whole_name = match(LabelRule::name, folders, whole);
  const bool plain = std::ranges::any_of(folders, [](const std::string& f) { return f.contains(','); });
  return plain && by_whole_name.complete() ? by_whole_name : match(LabelRule::name, folders, synonyms);
}

// What messages call the words.
std::string_view one_of(LabelWords words) { return words == LabelWords::folders ? "folder" : "label"; }
std::string_view many_of(LabelWords words) { return words == LabelWords::folders ? "class folders" : "labels"; }

Result<Matching> match_indices(std::span<const std::string> folders, int classes, LabelWords words) {
  Matching matching{.rule = LabelRule::index, .of_folder = {}};
  for (const std::string& folder : folders) {
    int index = -1;
    const auto [end, code] = std::from_chars(folder.data(), folder.data() + folder.size(), index);
    const bool number = code == std::errc() && end == folder.data() + folder.size() && index >= 0;
    if (number && index >= classes) {
      return label_error(
          fmt::format("{} '{}' is beyond the model's {} classes, which count from 0", one_of(words), folder, classes),
          fmt::format("number the {} as the model numbers its classes", many_of(words)));
    }
    matching.of_folder.push_back(number ? Candidates{index} : Candidates());
  }
  return matching;
}

std::string class_text(int index, const ClassList& list) {
  const auto i = static_cast<std::size_t>(index);
  std::string text = fmt::format("class {}", index);
  if (i < list.wnids.size()) text += " " + list.wnids[i];
  if (i < list.names.size()) text += fmt::format(" '{}'", list.names[i]);
  return text;
}

constexpr std::string_view kRuleWords[] = {"position", "number", "name", "WordNet id"};

bool is_whole_number(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
}

std::string remedy_text(std::span<const std::string> folders, const ClassList& list, LabelWords words) {
  const char* by = list.wnids.empty() ? "a class's name (for WordNet ids pass --classes with lines of `n01440764 name`)"
                                      : "a WordNet id or a name of the model's classes";
  if (words == LabelWords::labels) return fmt::format("give every picture the number of its class, or {}", by);
  if (std::ranges::all_of(folders, is_whole_number)) {
    return fmt::format("give --labels index if each is the number of its class, or name every folder by {}", by);
  }
  return fmt::format("name every folder by {}, or give --labels position if class folder i, sorted by name, is class i",
                     by);
}

std::unexpected<Error> unmatched(const Matching& matching, std::span<const std::string> folders, const ClassList& list,
                                 LabelWords words) {
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    if (matching.of_folder[i].empty()) missing.push_back(folders[i]);
  }
  return label_error(fmt::format("{} of {} {} match no class of the model by {}: {}", missing.size(), folders.size(),
                                 many_of(words), kRuleWords[static_cast<int>(matching.rule)], listed(missing)),
                     remedy_text(folders, list, words));
}

Result<LabelMap> settle(const Matching& matching, std::span<const std::string> folders, const ClassList& list,
                        LabelWords words) {
  if (matching.found() < folders.size()) return unmatched(matching, folders, list, words);
  LabelMap map{.class_of_folder = {}, .rule = matching.rule};
  std::map<int, std::size_t> taken;
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const Candidates& classes = matching.of_folder[i];
    if (classes.size() > 1) {
      return label_error(fmt::format("{} '{}' may be {} or {}", one_of(words), folders[i], class_text(classes[0], list),
                                     class_text(classes[1], list)),
                         list.wnids.empty() ? "use a name that only one class has" : "use WordNet ids");
    }
    const auto [at, is_new] = taken.emplace(classes[0], i);
    if (!is_new && words == LabelWords::folders) {
      return label_error(fmt::format("folders '{}' and '{}' are both {}", folders[at->second], folders[i],
                                     class_text(classes[0], list)),
                         "put their pictures into one folder");
    }
    map.class_of_folder.push_back(classes[0]);
  }
  return map;
}

Result<LabelMap> by_position(std::size_t folders, int classes) {
  const auto wanted = static_cast<std::size_t>(classes);
  if (folders != wanted) {
    return label_error(fmt::format("{} class folders for a model of {} classes", folders, classes),
                       folders < wanted
                           ? "give every class its folder, or name the folders as the model names its classes "
                             "(for WordNet ids pass --classes with lines of `n01440764 name`)"
                           : "the data set has classes that the model does not know; choose the data set that the "
                             "model was trained for");
  }
  LabelMap map;
  for (int i = 0; i < classes; ++i) map.class_of_folder.push_back(i);
  return map;
}

Result<LabelMap> by_wanted(LabelRule rule, std::span<const std::string> folders, int classes, const ClassList& list,
                           LabelWords words) {
  switch (rule) {
    case LabelRule::position:
      if (words == LabelWords::folders) return by_position(folders.size(), classes);
      return label_error("labels of a list or a shard have no position", "give --labels index, name or wnid");
    case LabelRule::index: {
      SMLP_TRY(matching, match_indices(folders, classes, words));
      return settle(matching, folders, list, words);
    }
    case LabelRule::name:
      if (list.names.empty()) return label_error("the model has no class names", "pass them with --classes");
      return settle(match_names(folders, list), folders, list, words);
    case LabelRule::wnid:
      if (list.wnids.empty()) {
        return label_error("the model has no WordNet ids", "pass --classes with lines of `n01440764 name`");
      }
      return settle(match_wnids(folders, list), folders, list, words);
  }
  return fail("an unknown rule of labels");
}

// Labels that are all numbers: those of the classes, unless they are names of classes too and mean others.
Result<LabelMap> by_numbers(std::span<const std::string> labels, int classes, const ClassList& list) {
  SMLP_TRY(map, by_wanted(LabelRule::index, labels, classes, list, LabelWords::labels));
  const Matching names = match_names(labels, list);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const Candidates& named = names.of_folder[i];
    if (named.empty() || (named.size() == 1 && named[0] == map.class_of_folder[i])) continue;
    return label_error(fmt::format("label '{}' may be the number of class {} or the name of {}", labels[i],
                                   map.class_of_folder[i], class_text(named[0], list)),
                       "give --labels index or --labels name");
  }
  return map;
}

constexpr std::string_view kRuleNames[] = {"position", "index", "name", "wnid"};

}  // namespace

std::string_view label_rule_name(LabelRule rule) { return kRuleNames[static_cast<int>(rule)]; }

std::optional<LabelRule> find_label_rule(std::string_view name) {
  const auto* at = std::ranges::find(kRuleNames, name);
  if (at == std::end(kRuleNames)) return std::nullopt;
  return static_cast<LabelRule>(at - std::begin(kRuleNames));
}

std::optional<std::int64_t> whole_number(std::string_view word) {
  int value = -1;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (code != std::errc() || end != word.data() + word.size() || value < 0) return std::nullopt;
  return value;
}

Result<LabelMap> map_labels(std::span<const std::string> folders, int classes, const ClassList& list,
                            std::optional<LabelRule> wanted, LabelWords words) {
  if (wanted) return by_wanted(*wanted, folders, classes, list, words);
  if (words == LabelWords::labels && std::ranges::all_of(folders, is_whole_number)) {
    return by_numbers(folders, classes, list);
  }
  if (list.names.empty() && list.wnids.empty()) {
    if (words == LabelWords::folders) return by_position(folders.size(), classes);
    return label_error("the model has no class names, and labels are not all numbers of classes",
                       "pass --classes with the names of the model's classes");
  }
  const Matching wnids = match_wnids(folders, list), names = match_names(folders, list);
  // What matches in part is refused by the rule under which most of it matches.
  const auto numbers = static_cast<std::size_t>(std::ranges::count_if(folders, is_whole_number));
  if (words == LabelWords::labels && numbers > std::max(wnids.found(), names.found())) {
    return by_wanted(LabelRule::index, folders, classes, list, words);
  }
  return settle(wnids.found() >= names.found() && !list.wnids.empty() ? wnids : names, folders, list, words);
}

}  // namespace smlp
