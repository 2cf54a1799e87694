#include "base/folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>

#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(FolderEntries, WhatEachIsAndLeadsTo) {
  const test::Scratch scratch;
  scratch.write("file", "x");
  scratch.write("sub/inside", "x");
  fs::create_symlink("sub", scratch.folder() / "to_folder");
  fs::create_symlink("nowhere", scratch.folder() / "broken");
  ASSERT_EQ(::mkfifo((scratch.folder() / "pipe").c_str(), 0600), 0);
  const auto entries = folder_entries(scratch.folder());
  ASSERT_TRUE(entries);
  std::map<std::string, std::pair<bool, fs::file_type>> found;
  for (const FolderEntry& entry : *entries) {
    EXPECT_EQ(entry.path, scratch.folder() / entry.name());
    EXPECT_EQ(entry.is_folder(), entry.target() == fs::file_type::directory);
    found[entry.name()] = {entry.is_link(), entry.target()};
    // A file system that does not say what an entry is gives the same.
    const FolderEntry asked = {entry.path};
    EXPECT_EQ(asked.is_link(), entry.is_link()) << entry.path;
    EXPECT_EQ(asked.target(), entry.target()) << entry.path;
  }
  const std::map<std::string, std::pair<bool, fs::file_type>> wanted = {
      {"file", {false, fs::file_type::regular}},       {"sub", {false, fs::file_type::directory}},
      {"to_folder", {true, fs::file_type::directory}}, {"broken", {true, fs::file_type::not_found}},
      {"pipe", {false, fs::file_type::fifo}},
  };
  EXPECT_EQ(found, wanted);
}

// What the file system said of an entry is not asked for once more: where that takes long, it is much.
TEST(FolderEntries, AKindThatIsKnownIsNotAskedForAgain) {
  const test::Scratch scratch;
  for (const auto type : {fs::file_type::regular, fs::file_type::directory}) {
    const FolderEntry entry = {scratch.folder() / "deleted meanwhile", type};
    EXPECT_EQ(entry.target(), type);
    EXPECT_FALSE(entry.is_link());
  }
}

TEST(FolderEntries, AnErrorOfBeforeIsNone) {
  const test::Scratch scratch;
  scratch.write("file", "x");
  errno = EIO;
  const auto entries = folder_entries(scratch.folder());
  ASSERT_TRUE(entries) << entries.error().message();
  EXPECT_EQ(entries->size(), 1U);
}

TEST(FolderEntries, ErrorsNameTheFolder) {
  const test::Scratch scratch;
  const auto file = scratch.write("file", "x");
  EXPECT_THAT(folder_entries(file).error().message(), HasSubstr("file: cannot list the folder: Not a directory"));
  EXPECT_THAT(folder_entries(scratch.folder() / "none").error().message(),
              HasSubstr("none: cannot list the folder: No "));
}

}  // namespace
}  // namespace smlp
