#include "base/printable.h"

#include <gtest/gtest.h>

#include "support/escapes.h"

namespace smlp {
namespace {

TEST(Printable, LeavesWordsOfAnyLanguageAsTheyAre) {
  for (const std::string text :
       {"tench", "größer", "金魚", "नमस्ते", "👩‍👩‍👧 ☺️", "می‌خواهم", "a\\b \"c\""}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_EQ(printable_json(text), text);
  }
}

TEST(Printable, ControlCharactersAreShown) {
  EXPECT_EQ(printable(std::string("a\nb\tc\rd\x1b[31me\0f\x7f", 16)), "a\\nb\\tc\\x0dd\\x1b[31me\\x00f\\x7f");
}

TEST(Printable, C1AndBidirectionalControlsAreShown) {
  EXPECT_EQ(printable("\u009b31m"), "\\u009b31m");
  EXPECT_EQ(printable("\u0080\u0085\u009f"), "\\u0080\\u0085\\u009f");
  EXPECT_EQ(printable("\u00a0"), "\u00a0");  // the first after them
  EXPECT_EQ(printable("gpj.\u202egpj"), "gpj.\\u202egpj");
  EXPECT_EQ(printable("\u202a\u202b\u202c\u202d\u2066\u2067\u2068\u2069\u200e\u200f\u061c"),
            "\\u202a\\u202b\\u202c\\u202d\\u2066\\u2067\\u2068\\u2069\\u200e\\u200f\\u061c");
  EXPECT_EQ(printable("a\u2028b\u2029c\ufeff"), "a\\u2028b\\u2029c\\ufeff");
  EXPECT_EQ(printable("\U000e0041\U000e007f"), "\\ue0041\\ue007f");
}

TEST(Printable, WhatIsNotUtf8IsShownByteByByte) {
  EXPECT_EQ(printable("\x9b"
                      "31m"),
            "\\x9b31m");                                             // a C1 control of 8-bit terminals
  EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b");                    // not the shortest form
  EXPECT_EQ(printable("\xe0\x80\x9b"), "\\xe0\\x80\\x9b");           // neither
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond Unicode
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");                    // cut off
  EXPECT_EQ(printable("\xe2\x28\xa1"), "\\xe2(\\xa1");
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("\x80"), "\\x80");  // the middle of a character
}

// RFC 3629: the first and the last character of each length, and what lies beside them.
TEST(Printable, Utf8IsWhatItsRuleSays) {
  for (const std::string text : {"", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000",
                                 "\U0010ffff", "a\U0010ffffz"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
  for (const std::string text :
       {"\x80", "\xbf", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "valid \xc3", "valid \xe2\x82", "\xc3\xa9\xa9"}) {
    EXPECT_FALSE(is_utf8(text)) << text;
  }
  EXPECT_EQ(printable("\U0010ffff\U00010000"), "\U0010ffff\U00010000");
}

TEST(Printable, NothingThatActsIsLeftWhateverTheBytesAre) {
  // All pairs and some triples of bytes, and every character up to U+FFFF.
  std::string text;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) text += {static_cast<char>(a), static_cast<char>(b)};
  }
  EXPECT_EQ(test::what_acts_in(printable(text)), "");
}

TEST(PrintableJson, EscapesWhatJsonLetsThrough) {
  EXPECT_EQ(printable_json("{\"a\":\"\u009b\u202e\x7f\"}\n"), "{\"a\":\"\\u009b\\u202e\\u007f\"}\n");
  EXPECT_EQ(printable_json("\U000e0041"), "\\udb40\\udc41");
}

TEST(Shortened, CutsTheMiddleBetweenCharacters) {
  EXPECT_EQ(shortened("abcdefghij", 10), "abcdefghij");
  EXPECT_EQ(shortened("abcdefghijk", 10), "abcd...ijk");
  EXPECT_EQ(shortened("ääääää", 10), "ää...ä");
  EXPECT_EQ(shortened("abcdef", 2), "...");
  for (std::size_t size = 0; size < 60; ++size) {
    const std::string cut = shortened("金魚金魚金魚金魚金魚金魚金魚金魚", size);
    EXPECT_LE(cut.size(), std::max<std::size_t>(size, 3));
    EXPECT_EQ(printable(cut), cut);
  }
}

}  // namespace
}  // namespace smlp
