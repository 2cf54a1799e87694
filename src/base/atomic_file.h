// Files that are whole or absent, whatever interrupts the writer.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/open_file.h"

namespace smlp {

enum class Existing { keep, replace };

// Whether commit() waits until the bytes are on the disk. `later` is for thousands of small files: a killed process
// still leaves each whole or absent, but after a power cut one may be shorter than it was. Whoever uses it calls
// flush_disk() once and checks sizes when it goes on after an interruption.
enum class Flush { now, later };

// A file written under a temporary name in the directory of its target, then renamed over it: write, fsync, rename,
// fsync of the directory. A writer that is killed leaves the target as it was, and a temporary that
// remove_temporaries() clears away.
//
// The temporary's name cannot be foreseen and its file is always new, so that no link planted there is followed.
class AtomicFile {
 public:
  // With Existing::keep a target that exists is an error, here and again at commit(). With Existing::replace only a
  // regular file is replaced: a symbolic link there is an error, because it could mean itself or what it leads to, and
  // so are devices and pipes. Of two processes that replace one file at once the second is refused, and so is whoever
  // finds at commit() another file than at the start: neither loses what the other wrote.
  static Result<AtomicFile> create(const PathAt& target, Existing existing = Existing::keep);

  AtomicFile(AtomicFile&& other) noexcept = default;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile() { discard(); }  // removes the temporary where commit() was not reached

  // Errors name the target: disk full, file too large, and so on.
  Result<void> write(std::span<const std::byte> bytes);
  Result<void> write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
  Result<void> commit(Flush flush = Flush::now);
  Result<FileStamp> stamp() const;  // that the file will have under its name, where nothing more is written

 private:
  AtomicFile(PathAt target, PathAt temporary, Existing existing, FileHandle file)
      : target_(std::move(target)), temporary_(std::move(temporary)), existing_(existing), file_(std::move(file)) {}
  Result<void> hold_target();
  int rename_to_target() const;
  void discard();

  PathAt target_, temporary_;
  Existing existing_;
  FileHandle file_;  // locked as long as the temporary exists, so that nobody takes it for a leftover
  FileHandle old_;   // what is replaced, locked; not open where there is nothing, or it may not be read
  bool is_new_ = true;
};

// The whole of a file in one call; `bytes` may come in several pieces, written one after another.
Result<void> write_file(const PathAt& target, std::initializer_list<std::span<const std::byte>> bytes,
                        Existing existing = Existing::keep);
Result<void> write_file(const PathAt& target, std::string_view text, Existing existing = Existing::keep);

// Waits until everything written to the file system of `directory` is on the disk.
Result<void> flush_disk(const std::filesystem::path& directory);

// True for the names that AtomicFile gives its temporaries: .TARGET.0123456789abcdef.smlp-tmp
bool is_temporary_name(std::string_view filename);

// Deletes what killed writers left in a directory: all, or those meant to become `target`. Only regular files of this
// user with such a name go, and none that a living writer holds.
Result<void> remove_temporaries(const std::filesystem::path& directory, std::string_view target = "");

// Makes a directory and its parents; one that exists is fine, a file of that name is an error.
Result<void> make_directories(const std::filesystem::path& directory);

// Keeps a second process of ours out of a directory; the kernel lets go of it when this process ends in any way.
class DirectoryLock {
 public:
  static Result<DirectoryLock> acquire(const std::filesystem::path& directory);

  // The directory itself, wherever its name leads: folder() / "x" is a file in it. Not beyond this lock's life.
  PathAt folder() const { return {folder_.get(), directory_}; }

  // An error where the name does not lead to the locked directory any more: it was renamed, or another one or a link
  // put in its place while the run went on. Ask before each file: what is written below folder() stays in the locked
  // directory, but who looks under its name does not find it there.
  Result<void> check() const;
  // The outcome of writing there; where that failed because of a swap, check()'s error, which says so.
  Result<void> explained(Result<void> outcome) const;

 private:
  DirectoryLock(std::filesystem::path directory, FileHandle folder)
      : directory_(std::move(directory)), folder_(std::move(folder)) {}
  std::filesystem::path directory_;
  FileHandle folder_;
};

}  // namespace smlp
