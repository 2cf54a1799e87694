// From the arguments to the variables that the options are bound to.
#include <fmt/format.h>

#include <algorithm>

#include "base/open_file.h"
#include "cli/command_line.h"

namespace smlp::cli {
namespace {

bool spells(const OptionName& row, std::string_view plain) {
  bool found = false;
  for_each_spelling(row, [&](std::string_view spelling) { found = found || plain_spelling(spelling) == plain; });
  return found;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t begin = std::min(text.find_first_not_of(blanks), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

// Bytes of the dash at the start of `text`, ASCII or of typeset text (hyphens, dashes, minus sign); 0 for none.
std::size_t dash_length(std::string_view text) {
  for (const std::string_view dash : {"-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212"}) {
    if (text.starts_with(dash)) return dash.size();
  }
  return 0;
}

bool is_guides(const OptionName& row, std::string_view typed) {
  return (" " + std::string(row.guide) + " ").contains(" " + std::string(typed) + " ");
}

}  // namespace

std::string with_plain_dashes(std::string name) {
  std::size_t end = 0;
  bool typeset = false;
  while (const std::size_t length = dash_length(std::string_view(name).substr(end))) {
    typeset = typeset || length > 1;
    end += length;
  }
  return typeset ? name.replace(0, end, "--") : name;
}

const Option* CommandLine::find(std::string_view typed) const {
  const std::string plain = plain_spelling(typed);
  const auto found = std::ranges::find_if(options_, [&](const Option& option) { return spells(*option.row, plain); });
  return found == options_.end() ? nullptr : &*found;
}

bool CommandLine::is_option(const std::string& argument) const {
  const std::string name = with_plain_dashes(argument.substr(0, argument.find('=')));
  return name.starts_with("--") && find(name) != nullptr;
}

// Takes the values of `option`: after its `=`, or the next arguments.
std::string CommandLine::take_option(Option& option, std::string_view typed, const std::string* inline_value,
                                     std::span<const std::string> arguments, std::size_t& next) {
  if (++option.given > 1 && !option.repeats) return fmt::format("{} is given twice", option.name());
  if (option.is_flag()) {
    if (inline_value != nullptr) return fmt::format("{} takes no value", typed);
    return option.take("");
  }
  std::vector<std::string> values;
  if (inline_value != nullptr) values.push_back(*inline_value);
  const auto complete = [&] {
    const bool joined = option.joined && !values.empty() && values.front().contains(',');
    return joined || values.size() == static_cast<std::size_t>(option.values);
  };
  while (!complete()) {
    if (next == arguments.size() || is_option(arguments[next])) {
      const std::string_view needs = option.values == 1   ? "a value"
                                     : option.values == 2 ? "two values"
                                                          : "three values";
      return fmt::format("{} needs {}: {}", typed, needs, option.value);
    }
    values.push_back(arguments[next++]);
  }
  if (option.joined) values = {fmt::format("{}", fmt::join(values, ","))};
  for (const std::string& value : values) {
    if (value.empty()) return fmt::format("{} is given an empty {}", typed, option.value);
    const std::string wrong = option.take(value);
    if (!wrong.empty()) return fmt::format("{} {}, not '{}'", typed, wrong, value);
  }
  return "";
}

// Words without an option's name go to the options that may be given so, in the order of their declaration.
std::string CommandLine::take_words(std::span<const std::string> words) {
  auto at = options_.begin();
  const auto free = [](const Option& option) { return !option.word.empty() && (option.given == 0 || option.repeats); };
  for (const std::string& word : words) {
    at = std::find_if(at, options_.end(), free);
    if (at == options_.end()) {
      const auto plain = std::ranges::find_if(options_, [](const Option& option) { return !option.word.empty(); });
      const bool again = plain != options_.end() && words.size() == 1;
      return fmt::format("unexpected argument '{}'{}", word,
                         again ? fmt::format(": {} is given already, as {}", plain->word, plain->name()) : "");
    }
    if (word.empty()) return fmt::format("{} is empty", at->word);
    ++at->given;
    const std::string wrong = at->take(word);
    if (!wrong.empty()) return fmt::format("{} {}, not '{}'", at->word, wrong, word);
  }
  return "";
}

// "name = value"; an empty line or a comment is nothing.
std::string CommandLine::take_line(std::string_view line, std::span<const std::string_view> from_command_line) {
  line = trimmed(line);
  if (line.empty() || line.starts_with('#')) return "";
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return "expected NAME = VALUE";
  const std::string name = "--" + std::string(trimmed(line.substr(0, equals)));
  const std::string value(trimmed(line.substr(equals + 1)));
  const Option* const found = find(name);
  if (found == nullptr) return fmt::format("there is no option '{}'", name.substr(2));
  if (found->name() == "--config") return "a file of options names no other";
  if (std::ranges::find(from_command_line, found->name()) != from_command_line.end()) return "";
  auto& option = const_cast<Option&>(*found);
  if (option.is_flag() && value != "true" && value != "false")
    return fmt::format("{} takes true or false", name.substr(2));
  if (option.is_flag() && value == "false") return "";
  std::size_t next = 0;
  return take_option(option, name, option.is_flag() ? nullptr : &value, {}, next);
}

std::string CommandLine::take_file() {
  constexpr std::uint64_t largest = 1 << 20;
  const auto text = read_text(file_, largest);
  if (!text) return text.error().message();
  std::vector<std::string_view> given;
  for (const Option& option : options_) {
    if (option.given > 0) given.push_back(option.name());
  }
  std::string_view rest = *text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string wrong = take_line(rest.substr(0, end), given);
    if (!wrong.empty()) return fmt::format("{} line {}: {}", file_, number, wrong);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return "";
}

std::string CommandLine::check_given() const {
  const auto given = [&](const OptionName* row) {
    return std::ranges::any_of(options_, [&](const Option& other) { return other.row == row && other.given > 0; });
  };
  for (const Option& option : options_) {
    if (option.is_required && option.given == 0) {
      const std::string also = option.row->guide.empty() ? "" : fmt::format(" (also {})", option.row->guide);
      if (option.word.empty()) return fmt::format("{} is required{}", option.name(), also);
      return fmt::format("{} is required: give {} or {} {}{}", option.name(), option.word, option.name(), option.value,
                         also);
    }
    if (option.given == 0) continue;
    for (const OptionName* other : option.excluded) {
      if (given(other)) return fmt::format("{} excludes {}", option.name(), other->name);
    }
    for (const OptionName* other : option.needed) {
      if (!given(other)) return fmt::format("{} requires {}", option.name(), other->name);
    }
  }
  return "";
}

CommandLine::Parsed CommandLine::parse(std::span<const std::string> arguments) {
  std::vector<std::string> words;
  bool options_ended = false;
  for (std::size_t next = 0; next < arguments.size();) {
    const std::string& argument = arguments[next++];
    const std::size_t equals = argument.find('=');
    const bool alone = equals == std::string::npos;
    const std::string name = with_plain_dashes(argument.substr(0, equals));
    if (options_ended || !name.starts_with('-') || argument == "-") {
      words.push_back(argument);
    } else if (alone && name == "--") {
      options_ended = true;
    } else if (alone && (name == "-h" || name == "--help")) {
      return {.help = true};
    } else {
      const Option* const found = find(name);
      if (found == nullptr) return {.unknown = name};
      auto& option = const_cast<Option&>(*found);
      guide_spelling_ = guide_spelling_ || is_guides(*option.row, name);
      const std::string value = alone ? "" : argument.substr(equals + 1);
      std::string wrong = take_option(option, name, alone ? nullptr : &value, arguments, next);
      if (!wrong.empty()) return {.error = std::move(wrong)};
    }
  }
  std::string wrong = take_words(words);
  if (wrong.empty() && !file_.empty()) wrong = take_file();
  if (wrong.empty()) wrong = check_given();
  return {.error = std::move(wrong)};
}

}  // namespace smlp::cli
