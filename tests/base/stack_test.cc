#include "base/stack.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/sanitizers.h"
#include "support/small_stack.h"

namespace smlp {
namespace {

TEST(ReserveStack, WhatAThreadHasIsThere) {
  test::run_with_stack(512 * 1024, [] {
    EXPECT_TRUE(reserve_stack(4096));
    EXPECT_TRUE(reserve_stack(256 * 1024));
    const auto more = reserve_stack(512 * 1024);
    ASSERT_FALSE(more);
    EXPECT_NE(more.error().what.find("512 kB are needed"), std::string::npos) << more.error().what;
  });
}

// In a child, whose first thread's stack is not that deep yet.
TEST(ReserveStack, WithoutMemoryItIsAnErrorAndNoCrash) {
  if (SMLP_UNDER_SANITIZER) GTEST_SKIP() << "the sanitizers reserve more address space than any limit allows";
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr std::size_t kBytes = 4 << 20;
    const auto before = reserve_stack(kBytes);
    const rlimit none = {0, 0};
    if (!before || ::setrlimit(RLIMIT_AS, &none) != 0) ::_exit(2);
    ::_exit(reserve_stack(kBytes + (2 << 20)) ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace smlp
