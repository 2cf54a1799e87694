// What is read of a file stays whole, whatever happens to the file afterwards.
#include "base/file_map.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "support/sanitizers.h"
#include "support/scratch.h"

namespace smlp {
namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Not one page repeated: each holds its own number.
std::string pages(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += fmt::format("{:4095}\n", i);
  return text;
}

TEST(FileMap, HoldsTheFile) {
  const test::Scratch scratch;
  const std::string text = pages(3) + "and an end";
  const auto map = FileMap::open(scratch.write("file", text));
  ASSERT_TRUE(map) << map.error().message();
  EXPECT_EQ(text_of((*map)->bytes()), text);
}

TEST(FileMap, AnEmptyFileHasNoBytes) {
  const test::Scratch scratch;
  const auto map = FileMap::open(scratch.write("file", ""));
  ASSERT_TRUE(map);
  EXPECT_TRUE((*map)->bytes().empty());
}

TEST(FileMap, KeepsWhatItReadWhenTheFileIsCutOffOrOverwritten) {
  const test::Scratch scratch;
  const std::string text = pages(64);
  const auto path = scratch.write("file", text);
  const auto map = FileMap::open(path);
  ASSERT_TRUE(map);
  ASSERT_EQ(::truncate(path.c_str(), 100), 0);
  EXPECT_EQ(text_of((*map)->bytes()), text);  // of a mapping, the first missing page would end the process
  std::ofstream(path) << "something else";
  EXPECT_EQ(text_of((*map)->bytes()), text);
}

// Truncated while it is being read: a whole file or an error, and never a signal.
TEST(FileMap, SurvivesAFileThatShrinksAndGrows) {
  const test::Scratch scratch;
  const std::string text = pages(512);
  const auto path = scratch.write("file", text);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    while (!stop) {
      if (::truncate(path.c_str(), 5000) != 0 || ::truncate(path.c_str(), std::ssize(text)) != 0) break;
    }
  });
  for (int i = 0; i < 200; ++i) {
    if (const auto map = FileMap::open(path)) {
      volatile std::byte sum{};
      for (const std::byte byte : (*map)->bytes()) sum = sum ^ byte;
    } else {
      EXPECT_THAT(map.error().message(), testing::HasSubstr("changed while it was read"));
      EXPECT_EQ(map.error().file, path.string());
    }
  }
  stop = true;
  writer.join();
}

TEST(FileMap, RefusesMoreThanTheLimitAndSaysSo) {
  const test::Scratch scratch;
  const auto path = scratch.write("file", "12345");
  EXPECT_TRUE(FileMap::open(path, 5));
  const auto map = FileMap::open(path, 4);
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().message(), path.string() + ": 5 bytes; at most 4 are read; check that it is the right file");
}

TEST(FileMap, RefusesASparseGiantBeforeItTakesMemory) {
  const test::Scratch scratch;
  const auto path = scratch.write("file", "");
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(kMaxFileBytes) + 1), 0);
  const auto map = FileMap::open(path);
  ASSERT_FALSE(map);
  EXPECT_THAT(map.error().message(), testing::HasSubstr("at most 8589934592 are read"));
}

TEST(FileMap, OutOfMemoryIsAnErrorThatNamesTheFile) {
  if (SMLP_UNDER_SANITIZER) GTEST_SKIP() << "sanitizers reserve more address space than the limit of this test";
  const test::Scratch scratch;
  const auto path = scratch.write("file", "");
  ASSERT_EQ(::truncate(path.c_str(), off_t{1} << 30), 0);
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit small = {.rlim_cur = rlim_t{768} << 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &small), 0);
  const auto map = FileMap::open(path);
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().message(), path.string() + ": not enough memory to read it");
}

TEST(ReadInParts, GivesAllBytesInOrder) {
  const test::Scratch scratch;
  const std::string text = pages(700) + "end";  // more than two parts
  std::string got;
  const auto read = read_in_parts(scratch.write("file", text), [&](auto part) { got += text_of(part); });
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(got, text);
}

TEST(ReadInParts, AFileOfAnotherTimeIsAnError) {
  const test::Scratch scratch;
  const auto path = scratch.write("file", pages(3));
  const auto read = read_in_parts(path, [&](auto) {
    std::filesystem::last_write_time(path, std::filesystem::last_write_time(path) - std::chrono::hours(1));
  });
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message(), testing::HasSubstr("changed while it was read"));
}

// A file that grows with every part that is read of it: no more is read than there was, and a part.
TEST(ReadInParts, AFileThatGrowsWhileItIsReadEnds) {
  const test::Scratch scratch;
  const auto path = scratch.write("file", pages(1024));  // four parts
  int parts = 0;
  const auto read = read_in_parts(path, [&](auto part) {
    if (++parts < 100) std::ofstream(path, std::ios::app).write(reinterpret_cast<const char*>(part.data()), 1 << 20);
  });
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message(), testing::StartsWith(path.string() + ": changed while it was read"));
  EXPECT_EQ(parts, 5);
}

TEST(ReadInParts, AMissingFileIsAnError) {
  const auto read = read_in_parts("/nowhere/at all", [](auto) {});
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message(), testing::StartsWith("/nowhere/at all: cannot open"));
}

}  // namespace
}  // namespace smlp
