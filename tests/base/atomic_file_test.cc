#include "base/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

namespace smlp {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public ::testing::Test {
 protected:
  AtomicFileTest() {
    std::string pattern = (fs::temp_directory_path() / "smlp-atomic-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~AtomicFileTest() override {
    fs::permissions(directory_, fs::perms::owner_all);
    fs::remove_all(directory_);
  }

  static std::string content(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }

  fs::path directory_;
};

TEST_F(AtomicFileTest, IsAbsentUntilCommitAndWholeAfterwards) {
  const fs::path target = directory_ / "a.bin";
  auto file = AtomicFile::create(target);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("hello "));
  EXPECT_FALSE(fs::exists(target));
  ASSERT_TRUE(file->write("world"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(content(target), "hello world");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(AtomicFileTest, AnAbandonedFileLeavesNothing) {
  {
    auto file = AtomicFile::create(directory_ / "a.bin");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("half"));
  }
  EXPECT_EQ(entries(), 0U);
}

TEST_F(AtomicFileTest, KeepsWhatIsThereUnlessToldToReplace) {
  const fs::path target = directory_ / "a.txt";
  ASSERT_TRUE(write_file(target, "old"));
  const auto refused = write_file(target, "new");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().file, target.string());
  EXPECT_EQ(content(target), "old");
  ASSERT_TRUE(write_file(target, "new", Existing::replace));
  EXPECT_EQ(content(target), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(AtomicFileTest, AFileThatAppearsMeanwhileIsKept) {
  const fs::path target = directory_ / "a.txt";
  auto file = AtomicFile::create(target);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("late"));
  std::ofstream(target) << "first";
  EXPECT_FALSE(file->commit());
  EXPECT_EQ(content(target), "first");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(AtomicFileTest, MissingFolderAndFolderInTheWayAreNamed) {
  const fs::path missing = directory_ / "no" / "a.txt";
  EXPECT_EQ(write_file(missing, "x").error().file, missing.string());
  EXPECT_EQ(write_file(directory_, "x", Existing::replace).error().file, directory_.string());
  ASSERT_TRUE(write_file(directory_ / "file", "x"));
  EXPECT_FALSE(make_directories(directory_ / "file" / "below"));
  EXPECT_FALSE(make_directories(directory_ / "file"));
}

TEST_F(AtomicFileTest, NoPermissionIsNamed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::permissions(directory_, fs::perms::owner_read | fs::perms::owner_exec);
  const fs::path target = directory_ / "a.txt";
  const auto refused = write_file(target, "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().file, target.string());
}

// A limit on file size stands in for a full disk: both make write(2) fail in the middle.
TEST_F(AtomicFileTest, AFailedWriteKeepsTheOldFileAndLeavesNoTemporary) {
  const fs::path target = directory_ / "a.txt";
  ASSERT_TRUE(write_file(target, "old"));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {.rlim_cur = 1000, .rlim_max = 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto outcome = write_file(target, std::string(5000, 'x'), Existing::replace);
    ::_exit(!outcome && outcome.error().file == target.string() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(content(target), "old");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(AtomicFileTest, ClearsTheTemporariesOfAKilledWriterOnly) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto file = AtomicFile::create(directory_ / "a.txt");
    if (file && file->write("half")) ::kill(::getpid(), SIGKILL);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_TRUE(write_file(directory_ / ".hidden", "mine"));
  ASSERT_EQ(entries(), 2U);
  ASSERT_TRUE(remove_temporaries(directory_));
  EXPECT_EQ(entries(), 1U);
  EXPECT_EQ(content(directory_ / ".hidden"), "mine");
}

TEST_F(AtomicFileTest, OneLockHolderAtATime) {
  auto first = DirectoryLock::acquire(directory_);
  ASSERT_TRUE(first);
  EXPECT_FALSE(DirectoryLock::acquire(directory_));
  { const DirectoryLock released = std::move(*first); }
  EXPECT_TRUE(DirectoryLock::acquire(directory_));
}

}  // namespace
}  // namespace smlp
