// What libraries and the allocator throw becomes an error, whatever it is.
#include "base/no_throw.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

namespace smlp {
namespace {

TEST(NoThrow, WhatDoesNotThrowPassesThrough) {
  const auto made = no_throw([]() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(5); });
  ASSERT_TRUE(made);
  EXPECT_EQ(**made, 5);
  EXPECT_EQ(no_throw([]() -> Result<void> { return fail("an error of its own"); }).error().what, "an error of its own");
}

TEST(NoThrow, OutOfMemoryIsAnErrorThatMayPass) {
  const auto outcome = no_throw([]() -> Result<void> { throw std::bad_alloc(); });
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(is_out_of_memory(outcome.error()));
  EXPECT_TRUE(outcome.error().transient);
  EXPECT_EQ(outcome.error().message(), "not enough memory; free some memory, or give less at once");
}

TEST(NoThrow, OtherExceptionsAreTheirWords) {
  const auto outcome = no_throw([]() -> Result<void> { throw std::runtime_error("a library's words {}"); });
  ASSERT_FALSE(outcome);
  EXPECT_FALSE(is_out_of_memory(outcome.error()));
  EXPECT_EQ(outcome.error().message(), "a library's words {}");
}

TEST(NoThrow, WhatIsNoExceptionIsAFault) {
  EXPECT_EQ(no_throw([]() -> Result<void> { throw 5; }).error().what, "unknown fault");
}

}  // namespace
}  // namespace smlp
