#include "data/brace_range.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace smlp {
namespace {

constexpr std::size_t kMaxWords = 100'000;
constexpr std::size_t kMaxDigits = 15;
constexpr std::size_t kMaxWord = 4096;  // bytes; a longer word is no path

std::unexpected<Error> too_many(std::string_view word) {
  return fail("'{}' stands for more than {} names", word, kMaxWords);
}

struct Range {
  std::int64_t first, last;
  std::size_t width;  // digits, zeros in front included; 0: as many as it takes
};

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  if (text.size() > kMaxDigits) return std::nullopt;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < 0 || text.starts_with('-')) {
    return std::nullopt;
  }
  return value;
}

std::optional<Range> range_of(std::string_view body) {
  const std::size_t dots = body.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const std::string_view low = body.substr(0, dots), high = body.substr(dots + 2);
  const auto first = whole_number(low), last = whole_number(high);
  if (!first || !last) return std::nullopt;
  const bool padded = (low.size() > 1 && low[0] == '0') || (high.size() > 1 && high[0] == '0');
  return Range{*first, *last, padded ? std::max(low.size(), high.size()) : 0};
}

// What the inside of one pair of braces stands for; nothing where it is plain text.
Result<std::vector<std::string>> choices_of(std::string_view body) {
  std::vector<std::string> choices;
  if (const auto range = range_of(body)) {
    const std::int64_t step = range->first <= range->last ? 1 : -1;
    if ((range->last - range->first) * step >= static_cast<std::int64_t>(kMaxWords)) return too_many(body);
    for (std::int64_t i = range->first; i != range->last + step; i += step) {
      choices.push_back(fmt::format("{:0{}}", i, range->width));
    }
  } else if (body.contains(',')) {
    for (std::size_t start = 0; start <= body.size();) {
      const std::size_t comma = std::min(body.find(',', start), body.size());
      choices.emplace_back(body.substr(start, comma - start));
      start = comma + 1;
    }
  }
  return choices;
}

}  // namespace

Result<std::vector<std::string>> expand_braces(std::string_view word) {
  std::vector<std::string> words = {""};
  std::string_view rest = word;
  if (word.size() > kMaxWord) return std::vector{std::string(word)};
  while (!rest.empty()) {
    const std::size_t open = std::min(rest.find('{'), rest.size());
    const std::size_t close = rest.find('}', open);
    if (close == std::string_view::npos) {
      for (std::string& text : words) text += rest;
      break;
    }
    const std::string_view body = rest.substr(open + 1, close - open - 1);
    SMLP_TRY(choices, choices_of(body));
    if (!choices.empty() && body.contains('{')) return fail("'{}': braces within braces are not read", word);
    if (choices.empty()) choices = {std::string(rest.substr(open, close + 1 - open))};
    if (words.size() * choices.size() > kMaxWords) return too_many(word);
    std::vector<std::string> longer;
    longer.reserve(words.size() * choices.size());
    for (std::string& text : words) {
      text += rest.substr(0, open);
      for (const std::string& choice : choices) longer.push_back(text + choice);
    }
    words = std::move(longer);
    rest.remove_prefix(close + 1);
  }
  return words;
}

}  // namespace smlp
