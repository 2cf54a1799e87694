// What a terminal would obey or show in another order: looked for in everything that the program prints. Written
// without the code that is to keep it out.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace smlp::test {

// A text that has one of each kind, and the same with a byte that is no UTF-8.
inline const std::string kEscapes = "\x1b[31m\x07\r\x7f\u009b31m\u202e\u2066\u2028\ufeff\u061c\U000e0041";
inline const std::string kRawEscapes = kEscapes + "x\x9b" + "31m";

// Empty, or the first such thing; newlines and tabs are fine.
inline std::string what_acts_in(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = [&](std::size_t k) -> unsigned {
      return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U;
    };
    const unsigned a = byte(0), b = byte(1), c = byte(2);
    const bool control = (a < 0x20 && a != '\n' && a != '\t') || a == 0x7F;
    const bool c1 = a == 0xC2 && b >= 0x80 && b <= 0x9F;
    const bool follows = i > 0 && static_cast<unsigned char>(text[i - 1]) >= 0x80;
    const bool stray = a >= 0x80 && a <= 0x9F && !follows;  // C1 as one byte
    const bool direction =
        a == 0xE2 && ((b == 0x80 && (c == 0x8B || c == 0x8E || c == 0x8F || (c >= 0xA8 && c <= 0xAE))) ||
                      (b == 0x81 && c >= 0xA0 && c <= 0xAF));
    const bool arabic = a == 0xD8 && b == 0x9C;
    const bool mark = a == 0xEF && b == 0xBB && c == 0xBF;
    const bool tag = a == 0xF3 && b == 0xA0 && (c == 0x80 || c == 0x81);
    if (control || c1 || stray || direction || arabic || mark || tag) {
      char line[64];
      std::snprintf(line, sizeof(line), "bytes %02x %02x %02x at %zu", a, b, c, i);
      return line;
    }
  }
  return "";
}

}  // namespace smlp::test
