#include "base/memory.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <cstdio>

#include "support/sanitizers.h"

namespace smlp {
namespace {

using ::testing::HasSubstr;

TEST(Memory, WhatDoesNotFitIsRefusedWithTheRemedy) {
  EXPECT_TRUE(check_memory(0, "nothing", "no remedy"));
  EXPECT_TRUE(check_memory(1, "a byte", "no remedy"));
  const auto refused = check_memory(UINT64_MAX, "a batch", "use a smaller batch");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("a batch needs 18446744073.7 GB of memory, and "));
  EXPECT_EQ(refused.error().remedy, "use a smaller batch");
}

TEST(Memory, BytesAreSaidInTheUnitThatTheyReach) {
  EXPECT_EQ(bytes_text(0), "0 kB");
  EXPECT_EQ(bytes_text(1'000), "1 kB");
  EXPECT_EQ(bytes_text(999'400), "999 kB");
  EXPECT_EQ(bytes_text(999'999), "1000 kB");
  EXPECT_EQ(bytes_text(1'000'000), "1 MB");
  EXPECT_EQ(bytes_text(999'999'999), "1000 MB");
  EXPECT_EQ(bytes_text(1'000'000'000), "1.0 GB");
  EXPECT_EQ(bytes_text(2'460'000'000), "2.5 GB");
}

TEST(Memory, ALimitOfAddressSpaceLeavesWhatIsNotInUse) {
  if (SMLP_UNDER_SANITIZER) GTEST_SKIP() << "sanitizers reserve more address space than any limit";
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  std::size_t pages = 0;
  std::FILE* const statm = std::fopen("/proc/self/statm", "r");
  ASSERT_EQ(std::fscanf(statm, "%zu", &pages), 1);
  std::fclose(statm);
  constexpr std::uint64_t kLeft = 32 << 20;
  const rlimit tight = {.rlim_cur = pages * 4096 + kLeft, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &tight), 0);
  const std::uint64_t available = available_memory();
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_LE(available, kLeft + (1 << 20));
  EXPECT_GE(available, kLeft - (4 << 20)) << "what this test itself took in between is small";
}

TEST(Memory, RunningOutMayWorkAnotherTime) {
  const Error error = out_of_memory("for a batch", "use a smaller one");
  EXPECT_EQ(error.message(), "not enough memory for a batch; use a smaller one");
  EXPECT_TRUE(error.transient);
}

}  // namespace
}  // namespace smlp
