// The words of `smlp info` about the machine and about a file.
#include "cli/info_parts.h"

#include <gtest/gtest.h>

#include <string>

namespace smlp::cli {
namespace {

TEST(InfoMachine, BytesInTheLargestUnitThatTheyFill) {
  EXPECT_EQ(bytes_text(0), "0 bytes");
  EXPECT_EQ(bytes_text(1023), "1023 bytes");
  EXPECT_EQ(bytes_text(1024), "1 KiB");
  EXPECT_EQ(bytes_text(48 * 1024), "48 KiB");
  EXPECT_EQ(bytes_text((1 << 20) - 1024), "1023 KiB");
  EXPECT_EQ(bytes_text(1 << 20), "1.0 MiB");
  EXPECT_EQ(bytes_text(2560 * 1024), "2.5 MiB");
  EXPECT_EQ(bytes_text((std::int64_t{1} << 30) - (1 << 20)), "1023.0 MiB");
  EXPECT_EQ(bytes_text(std::int64_t{1} << 30), "1.0 GiB");
  EXPECT_EQ(bytes_text(std::int64_t{300} << 30), "300.0 GiB");
}

TEST(InfoMachine, LimitsAreSaidWhereThereAreAny) {
  Machine machine;
  machine.processors = 8;
  machine.allowed = 4;
  machine.usable = 2;
  machine.caches = {{.level = 1, .kind = "data", .bytes = 49152, .shared_by = 1},
                    {.level = 3, .kind = "unified", .bytes = 32 << 20, .shared_by = 8}};
  machine.memory_bytes = std::int64_t{16} << 30;
  const std::string plain = machine_text(machine);
  for (const char* words :
       {"8 online, 4 allowed to this process\n", "2 by default", "48 KiB\n", "32.0 MiB, shared by 8", "16.0 GiB\n"}) {
    EXPECT_NE(plain.find(words), std::string::npos) << words << " is not in\n" << plain;
  }
  machine.quota = 1.5;
  machine.memory_limit = std::int64_t{1} << 30;
  const std::string limited = machine_text(machine);
  for (const char* words : {"4 allowed to this process, 1.5 granted", "16.0 GiB, limited to 1.0 GiB"}) {
    EXPECT_NE(limited.find(words), std::string::npos) << words << " is not in\n" << limited;
  }
}

TEST(InfoFile, LongNumbersAreGroupedInThrees) {
  const auto text_of = [](std::int64_t bytes) {
    FileReport report;
    report.bytes = bytes;
    return file_text(report, false);
  };
  for (const auto& [bytes, words] :
       std::initializer_list<std::pair<std::int64_t, std::string>>{{0, "(0 bytes)"},
                                                                   {999, "(999 bytes)"},
                                                                   {1'000, "(1,000 bytes)"},
                                                                   {12'345, "(12,345 bytes)"},
                                                                   {999'999, "(999,999 bytes)"},
                                                                   {1'234'567, "(1,234,567 bytes)"},
                                                                   {96'494'336, "(96,494,336 bytes)"},
                                                                   {1'234'567'890'123, "(1,234,567,890,123 bytes)"}}) {
    EXPECT_NE(text_of(bytes).find(words), std::string::npos) << words << " is not in\n" << text_of(bytes);
  }
}

}  // namespace
}  // namespace smlp::cli
