#include "base/system_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace smlp {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

TEST(SystemError, SaysWhatWhereAndTheRemedy) {
  const Error error = system_error("write", ENOSPC, "/some/file").error();
  EXPECT_EQ(error.file, "/some/file");
  EXPECT_THAT(error.message(), StartsWith("/some/file: cannot write: No space left"));
  EXPECT_THAT(error.message(), EndsWith("; free some space or choose another folder"));
  EXPECT_THAT(system_error("open", EMFILE, "x").error().remedy, testing::HasSubstr("ulimit -n"));
  EXPECT_THAT(system_error("write", EFBIG, "x").error().remedy, testing::HasSubstr("ulimit -f"));
}

TEST(SystemError, WhatCanBeDoneIsSaid) {
  const std::pair<int, const char*> remedies[] = {
      {ENOSPC, "free some space"},    {EDQUOT, "free some space"},     {EACCES, "permissions"},
      {EPERM, "permissions"},         {EROFS, "mounted read-only"},    {ENOENT, "check the path"},
      {ENOTDIR, "check the path"},    {EISDIR, "name of a file"},      {ENAMETOOLONG, "shorter name"},
      {ELOOP, "symbolic links"},      {EMFILE, "limit on open files"}, {ENFILE, "limit on open files"},
      {EFBIG, "lets a process write"}};
  for (const auto& [code, remedy] : remedies) {
    EXPECT_THAT(system_error("open", code, "x").error().remedy, testing::HasSubstr(remedy)) << code;
  }
  EXPECT_EQ(system_error("open", EIO, "x").error().remedy, "");
}

// A picture is broken for good only where the picture is to blame.
TEST(SystemError, KnowsWhatMayWorkAnotherTime) {
  for (const int code :
       {ENOMEM, EMFILE, ENFILE, EIO, ENOSPC, EDQUOT, EAGAIN, EINTR, ENOLCK, EBUSY, ESTALE, ETIMEDOUT}) {
    EXPECT_TRUE(system_error("open", code, "x").error().transient) << code;
  }
  for (const int code : {ENOENT, EACCES, EPERM, EISDIR, ELOOP, ENAMETOOLONG, EFBIG, EROFS, ENOTDIR, EINVAL}) {
    EXPECT_FALSE(system_error("open", code, "x").error().transient) << code;
  }
}

}  // namespace
}  // namespace smlp
