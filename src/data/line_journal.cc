#include "data/line_journal.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/atomic_file.h"
#include "base/file_map.h"
#include "base/open_file.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> in_use(const fs::path& path) {
  return fail(Error{.what = "another run of smlp is writing it",
                    .file = path.string(),
                    .remedy = "wait for it to end, or choose another place for the results"});
}

// The file, with a lock that ends with it. The name must still lead to it: who had the lock may have deleted it.
Result<FileHandle> open_locked(const PathAt& path) {
  SMLP_TRY(file, reopen_own(path));
  // Where the file system cannot lock, the lock is only a courtesy.
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return in_use(path.shown);
  struct stat held = {}, named = {};
  if (::fstat(file.get(), &held) != 0) return system_error("open", errno, path.shown);
  const bool there = ::fstatat(path.folder, path.name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0;
  if (!there || held.st_dev != named.st_dev || held.st_ino != named.st_ino) return in_use(path.shown);
  return std::move(file);
}

}  // namespace

Result<std::optional<JournalLines>> read_lines(const fs::path& path,
                                               const std::function<bool(std::string_view line)>& understood) {
  if (!name_is_taken(path)) return std::nullopt;
  SMLP_TRY(map, FileMap::open(path));
  const std::string_view text(reinterpret_cast<const char*>(map->bytes().data()), map->bytes().size());
  JournalLines journal;
  std::size_t start = 0;
  for (std::size_t end; (end = text.find('\n', start)) != std::string_view::npos; start = end + 1) {
    const std::string_view line = text.substr(start, end - start);
    if (start == 0) {
      journal.header = line;
    } else if (!understood(line)) {
      break;
    }
    journal.end = end + 1;
  }
  if (journal.end == 0)
    return fail(Error{.what = "has no first line, so it is no record of a run",
                      .file = path.string(),
                      .remedy = "move it away, or choose another name"});
  return journal;
}

Result<LineJournal> LineJournal::create(const PathAt& path, std::string_view header) {
  SMLP_CHECK(write_file(path, std::string(header) + "\n", Existing::keep));
  return open_at(path, header, header.size() + 1);
}

Result<LineJournal> LineJournal::reopen(const PathAt& path, const JournalLines& journal) {
  return open_at(path, journal.header, journal.end);
}

Result<void> LineJournal::discard(const fs::path& path) {
  const auto locked = open_locked(path);  // until it is gone
  if (!locked) return std::unexpected(locked.error());
  return delete_file(path);
}

Result<LineJournal> LineJournal::open_at(const PathAt& path, std::string_view header, std::uint64_t end) {
  SMLP_TRY(file, open_locked(path));
  // Between reading and locking it another run may have begun it anew.
  SMLP_TRY(now, stamp_of(file, path.shown));
  std::string start(header.size(), '\0');
  if (now.bytes < end || !read_at(file, 0, std::as_writable_bytes(std::span(start)), path.shown) || start != header) {
    return in_use(path.shown);
  }
  if (::ftruncate(file.get(), static_cast<off_t>(end)) != 0 || ::lseek(file.get(), 0, SEEK_END) < 0) {
    return system_error("write", errno, path.shown);
  }
  return LineJournal(path.shown, std::move(file));
}

Result<void> LineJournal::append(std::string_view line) {
  const std::string whole = std::string(line) + "\n";
  return write_all(file_, std::as_bytes(std::span(whole)), path_);
}

Result<void> LineJournal::check_there() const {
  struct stat now = {};
  if (::fstat(file_.get(), &now) != 0) return system_error("look at", errno, path_);
  if (now.st_nlink > 0) return {};
  return fail(Error{.what = "was deleted while this program was writing it",
                    .file = path_.string(),
                    .remedy = "run it again when nobody deletes what it writes"});
}

}  // namespace smlp
