#include "base/natural_order.h"

#include <algorithm>
#include <compare>

namespace smlp {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The digits at the front of `text`, which is moved past them.
std::string_view take_number(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const auto number = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(number.size());
  return number;
}

std::string_view without_zeros(std::string_view number) {
  const auto first = number.find_first_not_of('0');
  return first == std::string_view::npos ? std::string_view() : number.substr(first);
}

std::strong_ordering compare_numbers(std::string_view a, std::string_view b) {
  a = without_zeros(a);
  b = without_zeros(b);
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a <=> b;
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  auto tie = std::strong_ordering::equal;
  while (!a.empty() && !b.empty()) {
    if (is_digit(a[0]) && is_digit(b[0])) {
      const auto number_a = take_number(a), number_b = take_number(b);
      if (const auto order = compare_numbers(number_a, number_b); order != 0) return order < 0;
      if (tie == 0) tie = number_a.size() <=> number_b.size();
    } else if (a[0] != b[0]) {
      return static_cast<unsigned char>(a[0]) < static_cast<unsigned char>(b[0]);
    } else {
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  if (a.empty() != b.empty()) return a.empty();
  return tie < 0;
}

}  // namespace smlp
