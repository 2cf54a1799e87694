// What a command takes: options of the one table (option_table.h), each bound to the variable that it sets. Help, man
// pages, completion and the parser all read this.
#pragma once

#include <concepts>
#include <deque>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "cli/option_table.h"

namespace smlp::cli {

// One option of one command. The functions that return the option itself are for declaring it.
struct Option {
  const OptionName* row = nullptr;
  std::string text;                  // of the help
  std::string value;                 // what its value is called; empty for a flag
  std::string word;                  // what it is called where it may be given without its name
  std::vector<std::string> choices;  // all values there are, if it takes words
  int values = 1;                    // arguments that follow it
  bool joined = false;               // several values may also be one argument with commas
  bool repeats = false;              // may be given more than once
  bool is_required = false;
  std::vector<const OptionName*> excluded, needed;      // options
  std::function<std::string(const std::string&)> take;  // stores a value; says what is wrong with it, if anything
  int given = 0;                                        // times, after parsing

  Option& help(std::string_view t) { return text = t, *this; }
  Option& named(std::string_view v) { return value = v, *this; }  // what the value is called
  Option& plain(std::string_view w) { return word = w, *this; }   // also taken without its name
  Option& required() { return is_required = true, *this; }
  Option& takes(int count) { return values = count, repeats = false, *this; }
  Option& excludes(KnownOption other) { return excluded.push_back(other.row), *this; }
  Option& needs(KnownOption other) { return needed.push_back(other.row), *this; }

  std::string_view name() const { return row->name; }
  bool is_flag() const { return values == 0; }
};

class CommandLine {
 public:
  Option& flag(KnownOption name, bool& to, bool value = true);
  // A text or a path; an empty one is refused.
  template <class T>
    requires std::constructible_from<T, std::string>
  Option& text(KnownOption name, T& to) {
    return add(name, [&to](const std::string& value) { return to = T(value), std::string(); });
  }
  // As often as it is given.
  Option& texts(KnownOption name, std::vector<std::string>& to);
  // T: a number, or an optional one.
  template <class T>
  Option& number(KnownOption name, T& to, double low, double high) {
    return number_option(name, is_whole<T>(), low, high,
                         [&to](double value) { to = static_cast<typename Plain<T>::type>(value); });
  }
  // Several with commas between, which replace what `to` holds.
  Option& numbers(KnownOption name, std::vector<int>& to, double low, double high);
  // Exactly three, with commas or spaces between.
  Option& three(KnownOption name, double low, double high, std::function<void(const double (&)[3])> set);
  // One of some words; upper and lower case are the same.
  template <class T, class To>
  Option& choice(KnownOption name, std::initializer_list<std::pair<std::string_view, T>> words, To& to) {
    std::vector<std::string> names;
    std::vector<T> values;
    for (const auto& [word, value] : words) {
      names.emplace_back(word);
      values.push_back(value);
    }
    return choice_option(name, std::move(names), [&to, values](std::size_t i) { to = values[i]; });
  }
  Option& word(KnownOption name, const std::vector<std::string>& words, std::string& to);

  // A file of options, a line each: "max-batch = 16"; a flag is "no-grpc = true". Empty lines and those that begin with
  // # are passed over. What the command line gives is not taken from the file.
  Option& file(KnownOption name);

  // At the end of --help, one a line.
  void examples(std::initializer_list<std::string_view> lines);

  struct Parsed {
    bool help = false;
    std::string unknown = {};  // the first option that the command does not have, as it was typed
    std::string error = {};    // what else is wrong with the command line
  };
  Parsed parse(std::span<const std::string> arguments);

  const Option* find(std::string_view typed) const;        // by any spelling
  bool guide_spelling() const { return guide_spelling_; }  // was an option typed as only the guide spells it?
  const std::deque<Option>& options() const { return options_; }
  const std::vector<std::string>& example_lines() const { return examples_; }

 private:
  template <class T>
  struct Plain {
    using type = T;
  };
  template <class T>
  struct Plain<std::optional<T>> {
    using type = T;
  };
  template <class T>
  static constexpr bool is_whole() {
    return std::is_integral_v<typename Plain<T>::type>;
  }

  Option& add(KnownOption name, std::function<std::string(const std::string&)> take);
  Option& number_option(KnownOption name, bool whole, double low, double high, std::function<void(double)> set);
  Option& choice_option(KnownOption name, std::vector<std::string> names, std::function<void(std::size_t)> set);

  bool is_option(const std::string& argument) const;
  std::string take_option(Option& option, std::string_view typed, const std::string* inline_value,
                          std::span<const std::string> arguments, std::size_t& next);
  std::string take_file();
  std::string take_line(std::string_view line, std::span<const std::string_view> from_command_line);
  std::string take_words(std::span<const std::string> words);
  std::string check_given() const;

  std::deque<Option> options_;  // so that references to them stay
  std::vector<std::string> examples_;
  std::string file_;  // of options; empty: none
  bool guide_spelling_ = false;
};

// An option's name with `--` for whatever dashes it begins with: texts copied from web pages and documents carry others
// for one or both of them, and the guide prints `–-batchsize`. Values are left as they are.
std::string with_plain_dashes(std::string name);

}  // namespace smlp::cli
