#include "base/open_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

void make_socket(const fs::path& path) {
  const FileHandle socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
}

// A name for each kind of thing that is no regular file, with the word by which the error calls it.
std::vector<std::pair<fs::path, std::string>> irregular(const test::Scratch& scratch) {
  const fs::path folder = scratch.folder();
  EXPECT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  make_socket(folder / "socket");
  fs::create_directory(folder / "folder");
  fs::create_symlink("pipe", folder / "link-to-pipe");
  fs::create_symlink("loop", folder / "loop");
  fs::create_symlink("nowhere", folder / "dangling");
  return {
      {folder / "pipe", "is a pipe"},         {folder / "socket", "is a socket"}, {folder / "folder", "is a directory"},
      {folder / "link-to-pipe", "is a pipe"}, {folder / "loop", "cannot open"},   {folder / "dangling", "cannot open"},
      {"/dev/null", "is a device"},           {"/dev/zero", "is a device"},       {"", "an empty path"}};
}

// Without O_NONBLOCK and the look at the kind of file, the pipe would hold this up for ever.
TEST(OpenRegular, RefusesWhatIsNoRegularFileWithoutWaiting) {
  const test::Scratch scratch;
  for (const auto& [path, word] : irregular(scratch)) {
    const auto opened = open_regular(path);
    ASSERT_FALSE(opened) << path;
    EXPECT_EQ(opened.error().file, path.string());
    EXPECT_THAT(opened.error().what, HasSubstr(word));
    EXPECT_FALSE(read_text(path, 100)) << path;
    EXPECT_FALSE(read_start(path, 8)) << path;
  }
}

TEST(OpenRegular, FollowsLinksAndKnowsTheStamp) {
  const test::Scratch scratch;
  const fs::path file = scratch.write("file", "12345"), link = scratch.folder() / "link";
  fs::create_symlink("file", link);
  const auto opened = open_regular(link);
  ASSERT_TRUE(opened);
  struct stat info = {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(opened->stamp.bytes, 5U);
  EXPECT_EQ(opened->stamp.mtime_ns, info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec);
}

TEST(ReadText, GivesEveryByteAndKeepsToTheLimit) {
  const test::Scratch scratch;
  const std::string text("a\0b\n\xFF", 5);
  const fs::path file = scratch.write("file", text);
  EXPECT_EQ(read_text(file, 5).value(), text);
  const auto more = read_text(file, 4);
  ASSERT_FALSE(more);
  EXPECT_THAT(more.error().message(), HasSubstr("5 bytes; at most 4"));
  EXPECT_EQ(read_text(scratch.write("empty", ""), 0).value(), "");
  EXPECT_EQ(read_start(file, 3).value(), text.substr(0, 3));
  EXPECT_EQ(read_start(file, 100).value(), text);
}

TEST(ReadBytes, GivesEveryByteAndKeepsToTheLimit) {
  const test::Scratch scratch;
  const fs::path file = scratch.write("file", "12345");
  const auto read = read_bytes(file, 5);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(read->data.get()), read->size), "12345");
  EXPECT_EQ(read->stamp, stamp_by_name(file));
  EXPECT_THAT(read_bytes(file, 4).error().message(), HasSubstr("5 bytes; at most 4"));
  EXPECT_EQ(read_bytes(scratch.write("empty", ""), 0)->size, 0U);
  EXPECT_FALSE(read_bytes(scratch.folder(), 5));
}

TEST(ReadAt, GivesTheBytesFromThereOrAnError) {
  const test::Scratch scratch;
  const fs::path path = scratch.write("file", "12345");
  const auto file = open_regular(path);
  ASSERT_TRUE(file);
  const auto at = [&](std::uint64_t offset, std::size_t count) {
    std::string room(count, '?');
    const auto outcome = read_at(file->handle, offset, std::as_writable_bytes(std::span(room)), path);
    return outcome ? room : outcome.error().message();
  };
  EXPECT_EQ(at(0, 5), "12345");
  EXPECT_EQ(at(3, 2), "45") << "the file has a position of its own, which plays no part";
  EXPECT_EQ(at(1, 2), "23");
  EXPECT_EQ(at(5, 0), "");
  EXPECT_THAT(at(3, 3), HasSubstr("changed while it was read"));
  EXPECT_THAT(at(6, 1), HasSubstr(path.string()));
}

// A read that the system refuses is an error, not an endless loop and not a short file.
TEST(ReadAt, SaysWhereTheSystemRefusesToRead) {
  const test::Scratch scratch;
  const fs::path path = scratch.write("f", "abc");
  const FileHandle write_only(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  std::array<std::byte, 2> room;
  const auto at = read_at(write_only, 0, room, path);
  ASSERT_FALSE(at);
  EXPECT_THAT(at.error().message(), HasSubstr("read"));
  EXPECT_THAT(at.error().message(), HasSubstr(path.string()));
  // A regular file by its kind, whose first page belongs to nobody.
  const auto start = read_start("/proc/self/mem", 16);
  ASSERT_FALSE(start);
  EXPECT_THAT(start.error().message(), HasSubstr("read"));
}

TEST(Stamps, AreOfWhatANameLeadsTo) {
  const test::Scratch scratch;
  const fs::path file = scratch.write("file", "12345"), folder = scratch.folder();
  fs::create_symlink("file", folder / "link");
  fs::create_symlink("nowhere", folder / "dangling");
  const auto opened = open_regular(file);
  ASSERT_TRUE(opened);
  EXPECT_EQ(check_regular(folder / "link").value(), opened->stamp);
  EXPECT_EQ(stamp_of(opened->handle, file).value(), opened->stamp);
  EXPECT_EQ(stamp_by_name(folder / "link"), opened->stamp);
  EXPECT_EQ(stamp_by_name(folder / "dangling"), FileStamp());
  scratch.write("file", "123456");
  EXPECT_EQ(stamp_of(opened->handle, file)->bytes, 6U) << "what it is by now";
  EXPECT_TRUE(name_is_taken(file));
  EXPECT_TRUE(name_is_taken(folder));
  EXPECT_TRUE(name_is_taken(folder / "dangling")) << "a link that leads nowhere has the name";
  EXPECT_FALSE(name_is_taken(folder / "no"));
  EXPECT_FALSE(name_is_taken(""));
}

TEST(CreateOwn, TouchesNothingButAFileOfItsOwn) {
  const test::Scratch scratch;
  const fs::path outside = scratch.write("outside", "precious"), own = scratch.folder() / "own";
  for (const char* goal : {"outside", "nowhere", "."}) {
    fs::create_symlink(goal, own);
    EXPECT_THAT(create_own(own).error().what, HasSubstr("symbolic link")) << goal;
    EXPECT_THAT(reopen_own(own).error().what, HasSubstr("symbolic link")) << goal;
    EXPECT_TRUE(fs::is_symlink(own));
    fs::remove(own);
  }
  EXPECT_FALSE(fs::exists(scratch.folder() / "nowhere"));
  ASSERT_EQ(::mkfifo(own.c_str(), 0600), 0);
  EXPECT_THAT(create_own(own).error().what, HasSubstr("is a pipe"));
  EXPECT_THAT(reopen_own(own).error().what, HasSubstr("is a pipe"));
  EXPECT_TRUE(fs::is_fifo(own));
  fs::remove(own);
  fs::create_directory(own);
  EXPECT_THAT(create_own(own).error().what, HasSubstr("is a directory"));
  EXPECT_EQ(content(outside), "precious");
}

TEST(CreateOwn, ReplacesAFileWithoutWritingIntoIt) {
  const test::Scratch scratch;
  const fs::path outside = scratch.write("outside", "precious"), own = scratch.folder() / "own";
  fs::create_hard_link(outside, own);
  const auto file = create_own(own);
  ASSERT_TRUE(file);
  ASSERT_TRUE(write_all(*file, bytes("new"), own));
  EXPECT_EQ(content(own), "new");
  EXPECT_EQ(content(outside), "precious");
}

TEST(ReopenOwn, KeepsTheContentAndRefusesAFileWithTwoNames) {
  const test::Scratch scratch;
  const fs::path own = scratch.write("own", "12345");
  {
    const auto file = reopen_own(own);
    ASSERT_TRUE(file);
    ASSERT_TRUE(write_all(*file, bytes("AB"), own));
  }
  EXPECT_EQ(content(own), "AB345");
  fs::create_hard_link(own, scratch.folder() / "second");
  EXPECT_THAT(reopen_own(own).error().what, HasSubstr("hard link"));
  EXPECT_FALSE(reopen_own(scratch.folder() / "missing"));
  EXPECT_FALSE(fs::exists(scratch.folder() / "missing"));
}

TEST(DeleteFile, OneThatIsNotThereIsFine) {
  const test::Scratch scratch;
  const fs::path file = scratch.write("file", "x");
  EXPECT_TRUE(delete_file(file));
  EXPECT_FALSE(fs::exists(file));
  EXPECT_TRUE(delete_file(file));
  const auto folder = delete_file(scratch.folder());
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().message(), testing::StartsWith(scratch.folder().string() + ": cannot delete: "));
}

TEST(OwnFiles, AnEmptyPathIsRefused) {
  EXPECT_EQ(create_own("").error().what, "an empty path");
  EXPECT_EQ(reopen_own("").error().what, "an empty path");
}

}  // namespace
}  // namespace smlp
