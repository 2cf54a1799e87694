#include "base/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <set>

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
  EXPECT_EQ(refused.error().what, "exists already, and nothing is overwritten unasked");
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
  EXPECT_EQ(file->commit().error().what, "exists already, and nothing is overwritten unasked");
  EXPECT_EQ(content(target), "first");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(AtomicFileTest, MissingFolderAndFolderInTheWayAreNamed) {
  const fs::path missing = directory_ / "no" / "a.txt";
  EXPECT_EQ(write_file(missing, "x").error().file, missing.string());
  EXPECT_EQ(write_file(missing, "x").error().what, "cannot create: No such file or directory");
  EXPECT_FALSE(remove_temporaries(missing));
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

// Makes a temporary for `target` and dies.
void be_killed_writing(const fs::path& target) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto file = AtomicFile::create(target);
    if (file && file->write("half")) ::kill(::getpid(), SIGKILL);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
}

TEST_F(AtomicFileTest, ClearsTheTemporariesOfAKilledWriterOnly) {
  be_killed_writing(directory_ / "a.txt");
  ASSERT_TRUE(write_file(directory_ / ".hidden", "mine"));
  ASSERT_EQ(entries(), 2U);
  ASSERT_TRUE(remove_temporaries(directory_));
  EXPECT_EQ(entries(), 1U);
  EXPECT_EQ(content(directory_ / ".hidden"), "mine");
}

TEST_F(AtomicFileTest, ClearsThoseOfOneTargetOnly) {
  be_killed_writing(directory_ / "a.txt");
  for (const char* other : {"a", "txt", "a.tx", ".a.txt", "a.txt.0123456789abcdef"}) {
    ASSERT_TRUE(remove_temporaries(directory_, other));
    EXPECT_EQ(entries(), 1U) << other;
  }
  ASSERT_TRUE(remove_temporaries(directory_, "a.txt"));
  EXPECT_EQ(entries(), 0U);
}

TEST_F(AtomicFileTest, LeavesTheTemporaryOfALivingWriter) {
  auto file = AtomicFile::create(directory_ / "a.txt");
  ASSERT_TRUE(file && file->write("whole"));
  ASSERT_TRUE(remove_temporaries(directory_));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(content(directory_ / "a.txt"), "whole");
}

TEST_F(AtomicFileTest, LeavesWhatOnlyHasTheNameOfATemporary) {
  const fs::path outside = directory_ / "outside";
  ASSERT_TRUE(write_file(outside, "precious"));
  fs::create_symlink(outside, directory_ / ".a.0123456789abcde0.smlp-tmp");
  fs::create_symlink("nowhere", directory_ / ".a.0123456789abcde1.smlp-tmp");
  fs::create_directory(directory_ / ".a.0123456789abcde2.smlp-tmp");
  fs::create_hard_link(outside, directory_ / ".a.0123456789abcde3.smlp-tmp");
  ASSERT_EQ(::mkfifo((directory_ / ".a.0123456789abcde4.smlp-tmp").c_str(), 0600), 0);
  for (const char* name :
       {".a.smlp-tmp", ".a.0123456789abcdeX.smlp-tmp", "a.0123456789abcdef.smlp-tmp", ".a.0123456789abcdef.smlp-tmp~",
        ".0123456789abcdef.smlp-tmp", ".a0123456789abcdef.smlp-tmp"}) {
    ASSERT_TRUE(write_file(directory_ / name, "mine"));
    EXPECT_FALSE(is_temporary_name(name)) << name;
  }
  const std::size_t before = entries();
  ASSERT_TRUE(remove_temporaries(directory_));
  EXPECT_EQ(entries(), before);
  EXPECT_EQ(content(outside), "precious");
}

TEST_F(AtomicFileTest, TheTemporaryHasANameThatCannotBeForeseen) {
  std::set<std::string> names;
  for (int i = 0; i < 50; ++i) {
    auto file = AtomicFile::create(directory_ / "a.txt");
    ASSERT_TRUE(file);
    for (const auto& entry : fs::directory_iterator(directory_)) {
      const std::string name = entry.path().filename().string();
      EXPECT_TRUE(is_temporary_name(name)) << name;
      names.insert(name);
    }
  }
  EXPECT_EQ(names.size(), 50U);
}

TEST_F(AtomicFileTest, ALinkAtTheFinalNameIsNeitherFollowedNorReplaced) {
  const fs::path outside = directory_ / "outside", link = directory_ / "link", nowhere = directory_ / "nowhere";
  ASSERT_TRUE(write_file(outside, "precious"));
  for (const fs::path& goal : {outside, nowhere}) {
    fs::create_symlink(goal, link);
    for (const Existing existing : {Existing::keep, Existing::replace}) {
      const auto refused = write_file(link, "new", existing);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().file, link.string());
    }
    EXPECT_EQ(fs::read_symlink(link), goal);
    fs::remove(link);
  }
  EXPECT_EQ(content(outside), "precious");
  EXPECT_FALSE(fs::exists(nowhere));
  EXPECT_EQ(entries(), 1U);
}

// Neither of two writers loses what the other wrote: who comes second is refused.
TEST_F(AtomicFileTest, WhatAppearsOrChangesMeanwhileIsNotReplaced) {
  const fs::path target = directory_ / "a.txt", victim = directory_ / "victim";
  std::ofstream(victim) << "mine";
  {
    auto file = AtomicFile::create(target, Existing::replace).value();
    ASSERT_TRUE(file.write("late"));
    fs::create_symlink(victim, target);
    EXPECT_FALSE(file.commit());
    EXPECT_TRUE(fs::is_symlink(target));
    EXPECT_EQ(content(victim), "mine");
    fs::remove(target);
  }
  {
    auto file = AtomicFile::create(target, Existing::replace).value();
    ASSERT_TRUE(file.write("late"));
    std::ofstream(target) << "first";
    EXPECT_FALSE(file.commit());
    EXPECT_EQ(content(target), "first");
  }
  auto file = AtomicFile::create(target, Existing::replace).value();
  ASSERT_TRUE(file.write("late"));
  std::ofstream(directory_ / "other") << "other";
  fs::rename(directory_ / "other", target);
  const auto refused = file.commit();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().file, target.string());
  EXPECT_EQ(refused.error().what, "was written by somebody else meanwhile, and is not replaced");
  EXPECT_EQ(content(target), "other");
  EXPECT_EQ(entries(), 2U);
}

TEST_F(AtomicFileTest, AFileThatIsDeletedMeanwhileIsWrittenAnew) {
  const fs::path target = directory_ / "a.txt";
  ASSERT_TRUE(write_file(target, "old"));
  auto file = AtomicFile::create(target, Existing::replace).value();
  ASSERT_TRUE(file.write("new"));
  fs::remove(target);
  ASSERT_TRUE(file.commit());
  EXPECT_EQ(content(target), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(AtomicFileTest, TheStampIsThatOfTheFileUnderItsFinalName) {
  const fs::path target = directory_ / "a.txt";
  auto file = AtomicFile::create(target).value();
  ASSERT_TRUE(file.write("12345"));
  const auto stamp = file.stamp();
  ASSERT_TRUE(stamp) << stamp.error().message();
  ASSERT_TRUE(file.commit());
  struct stat info = {};
  ASSERT_EQ(::stat(target.c_str(), &info), 0);
  EXPECT_EQ(stamp->bytes, 5U);
  EXPECT_EQ(stamp->mtime_ns, info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec);
}

TEST_F(AtomicFileTest, OneWriterReplacesAFileAtATime) {
  const fs::path target = directory_ / "a.txt";
  std::ofstream(target) << "old";
  {
    auto first = AtomicFile::create(target, Existing::replace).value();
    const auto second = AtomicFile::create(target, Existing::replace);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().file, target.string());
    ASSERT_TRUE(first.write("new"));
    ASSERT_TRUE(first.commit());
  }
  EXPECT_TRUE(AtomicFile::create(target, Existing::replace));
  EXPECT_EQ(content(target), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(AtomicFileTest, APipeOrDeviceAtTheFinalNameStays) {
  const fs::path pipe = directory_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const Existing existing : {Existing::keep, Existing::replace}) {
    EXPECT_FALSE(write_file(pipe, "x", existing));
    EXPECT_FALSE(write_file("/dev/null", "x", existing));
  }
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(AtomicFileTest, AFolderMayBeALink) {
  fs::create_directory(directory_ / "real");
  fs::create_directory_symlink("real", directory_ / "link");
  ASSERT_TRUE(write_file(directory_ / "link" / "a.txt", "x"));
  EXPECT_EQ(content(directory_ / "real" / "a.txt"), "x");
}

TEST_F(AtomicFileTest, TheLongestNameHasRoomForItsTemporary) {
  const std::string name(255, 'n');
  be_killed_writing(directory_ / name);
  ASSERT_TRUE(remove_temporaries(directory_, name));
  EXPECT_EQ(entries(), 0U);
  ASSERT_TRUE(write_file(directory_ / name, "x"));
  EXPECT_EQ(content(directory_ / name), "x");
}

TEST_F(AtomicFileTest, OnlyAFolderThatIsThereIsFlushed) {
  EXPECT_TRUE(flush_disk(directory_));
  EXPECT_EQ(flush_disk(directory_ / "no").error().file, (directory_ / "no").string());
  EXPECT_EQ(flush_disk(directory_ / "no").error().what, "cannot open the folder: No such file or directory");
  ASSERT_TRUE(write_file(directory_ / "file", "x"));
  EXPECT_FALSE(flush_disk(directory_ / "file"));
}

TEST_F(AtomicFileTest, AnEmptyPathIsRefused) {
  for (const auto& refused : {write_file("", "x"), write_file("", "x", Existing::replace), make_directories("")}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(), "an empty path; give the name of a file or folder");
  }
}

TEST_F(AtomicFileTest, AFileOfAHeldFolderStaysInItWhateverTakesItsName) {
  const fs::path folder = directory_ / "run", away = directory_ / "away";
  fs::create_directory(folder);
  const auto lock = DirectoryLock::acquire(folder);
  ASSERT_TRUE(lock);
  auto begun = AtomicFile::create(lock->folder() / "begun");
  ASSERT_TRUE(begun);
  fs::rename(folder, away);
  fs::create_directory(folder);
  ASSERT_TRUE(write_file(folder / "gone", "somebody else's"));
  ASSERT_TRUE(begun->commit());
  ASSERT_TRUE(write_file(lock->folder() / "whole", "x"));
  ASSERT_TRUE(write_file(lock->folder() / "whole", "y", Existing::replace));
  ASSERT_TRUE(create_own(lock->folder() / "own"));
  ASSERT_TRUE(write_file(away / "gone", "x"));
  ASSERT_TRUE(delete_file(lock->folder() / "gone"));
  EXPECT_TRUE(name_is_taken(lock->folder() / "begun"));
  EXPECT_EQ(content(away / "whole"), "y");
  EXPECT_TRUE(fs::exists(away / "own"));
  EXPECT_FALSE(fs::exists(away / "gone"));
  EXPECT_EQ(content(folder / "gone"), "somebody else's");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
  EXPECT_EQ(write_file(lock->folder() / "whole", "z").error().file, (folder / "whole").string())
      << "as the user knows it";
}

TEST_F(AtomicFileTest, OneLockHolderAtATime) {
  auto first = DirectoryLock::acquire(directory_);
  ASSERT_TRUE(first);
  EXPECT_FALSE(DirectoryLock::acquire(directory_));
  {
    const DirectoryLock released = std::move(*first);
  }
  EXPECT_TRUE(DirectoryLock::acquire(directory_));
}

TEST_F(AtomicFileTest, AHeldFolderThatWasSwappedIsNoticed) {
  const fs::path folder = directory_ / "run", away = directory_ / "away";
  ASSERT_TRUE(make_directories(folder));
  const auto lock = DirectoryLock::acquire(folder);
  ASSERT_TRUE(lock);
  EXPECT_TRUE(lock->check());
  fs::rename(folder, away);
  EXPECT_FALSE(lock->check());  // nothing there
  fs::create_directory(folder);
  EXPECT_FALSE(lock->check());  // another folder
  fs::remove(folder);
  fs::create_directory_symlink(away, folder);
  EXPECT_TRUE(lock->check());  // a link to the same one
}

}  // namespace
}  // namespace smlp
