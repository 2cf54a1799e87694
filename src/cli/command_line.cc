// Declaring options: how each kind reads its value.
#include "cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cli/suggest.h"

namespace smlp::cli {
namespace {

// All of `text` as a number, or nothing.
std::optional<double> parse_number(std::string_view text, bool whole) {
  double value = 0;
  std::int64_t integer = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [stop, code] = whole ? std::from_chars(begin, end, integer) : std::from_chars(begin, end, value);
  if (code != std::errc() || stop != end || text.empty()) return std::nullopt;
  if (whole) value = static_cast<double>(integer);
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(at, start), text.size());
    parts.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string range_text(bool whole, double low, double high) {
  return fmt::format("takes a {} from {:.15g} to {:.15g}", whole ? "whole number" : "number", low, high);
}

// "fp32 or bf16", "NPY, BIN or TXT"
std::string either_of(std::span<const std::string> names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  }
  return text;
}

}  // namespace

const OptionName* find_option_name(std::string_view typed) {
  const std::string wanted = plain_spelling(typed);
  for (const OptionName& option : option_table) {
    bool found = false;
    for_each_spelling(option, [&](std::string_view spelling) { found = found || plain_spelling(spelling) == wanted; });
    if (found) return &option;
  }
  return nullptr;
}

Option& CommandLine::add(KnownOption name, std::function<std::string(const std::string&)> take) {
  Option& option = options_.emplace_back();
  option.row = name.row;
  option.text = name.row->help;
  option.value = name.row->value;
  option.take = std::move(take);
  return option;
}

Option& CommandLine::flag(KnownOption name, bool& to, bool value) {
  Option& option = add(name, [&to, value](const std::string&) { return to = value, std::string(); });
  option.values = 0;
  option.repeats = true;
  return option;
}

Option& CommandLine::texts(KnownOption name, std::vector<std::string>& to) {
  Option& option = add(name, [&to](const std::string& value) { return to.push_back(value), std::string(); });
  option.repeats = true;
  return option;
}

Option& CommandLine::file(KnownOption name) { return text(name, file_); }

Option& CommandLine::number_option(KnownOption name, bool whole, double low, double high,
                                   std::function<void(double)> set) {
  return add(name, [=, set = std::move(set)](const std::string& text) -> std::string {
    const auto value = parse_number(text, whole);
    if (!value || *value < low || *value > high) return range_text(whole, low, high);
    set(*value);
    return "";
  });
}

Option& CommandLine::numbers(KnownOption name, std::vector<int>& to, double low, double high) {
  return add(name, [=, &to](const std::string& text) -> std::string {
    std::vector<int> values;
    for (const std::string& part : split(text, ',')) {
      const auto value = parse_number(part, true);
      if (!value || *value < low || *value > high) return range_text(true, low, high) + ", or several with commas";
      if (std::ranges::find(values, static_cast<int>(*value)) != values.end()) return "takes each number once";
      values.push_back(static_cast<int>(*value));
    }
    to = std::move(values);
    return "";
  });
}

Option& CommandLine::three(KnownOption name, double low, double high, std::function<void(const double (&)[3])> set) {
  Option& option = add(name, [=, set = std::move(set)](const std::string& text) -> std::string {
    const std::vector<std::string> parts = split(text, ',');
    double values[3] = {};
    std::string wrong = fmt::format("takes three numbers from {:g} to {:g}", low, high);
    if (parts.size() != 3) return wrong;
    for (std::size_t i = 0; i < 3; ++i) {
      const auto value = parse_number(parts[i], false);
      if (!value || *value < low || *value > high) return wrong;
      values[i] = *value;
    }
    set(values);
    return "";
  });
  option.values = 3;
  option.joined = true;
  return option;
}

Option& CommandLine::choice_option(KnownOption name, std::vector<std::string> names,
                                   std::function<void(std::size_t)> set) {
  Option& option = add(name, [names, set = std::move(set)](const std::string& text) -> std::string {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (same_word(names[i], text)) return set(i), "";
    }
    const std::string near = nearest_word(text, names);
    return fmt::format("takes {}{}", either_of(names), near.empty() ? "" : fmt::format(" (did you mean {}?)", near));
  });
  option.choices = std::move(names);
  return option;
}

Option& CommandLine::word(KnownOption name, const std::vector<std::string>& words, std::string& to) {
  return choice_option(name, words, [&to, words](std::size_t i) { to = words[i]; });
}

void CommandLine::examples(std::initializer_list<std::string_view> lines) {
  for (const std::string_view line : lines) examples_.emplace_back(line);
}

}  // namespace smlp::cli
