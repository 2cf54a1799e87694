#include "data/line_journal.h"

#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "base/atomic_file.h"
#include "base/file_map.h"
#include "base/open_file.h"

namespace smlp {

namespace fs = std::filesystem;

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
    return fail(Error{.what = "has no first line, so it is no record of a run", .file = path.string()});
  return journal;
}

Result<LineJournal> LineJournal::create(const fs::path& path, std::string_view header) {
  SMLP_CHECK(write_file(path, std::string(header) + "\n", Existing::keep));
  return open_at(path, header.size() + 1);
}

Result<LineJournal> LineJournal::reopen(const fs::path& path, const JournalLines& journal) {
  return open_at(path, journal.end);
}

Result<LineJournal> LineJournal::open_at(const fs::path& path, std::uint64_t end) {
  SMLP_TRY(file, reopen_own(path));
  // Where the file system cannot lock, the lock is only a courtesy.
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return fail(Error{.what = "another run of smlp is writing it",
                      .file = path.string(),
                      .remedy = "wait for it to end, or choose another place for the results"});
  }
  if (::ftruncate(file.get(), static_cast<off_t>(end)) != 0 || ::lseek(file.get(), 0, SEEK_END) < 0) {
    return system_error("write", errno, path);
  }
  return LineJournal(path, std::move(file));
}

Result<void> LineJournal::append(std::string_view line) {
  const std::string whole = std::string(line) + "\n";
  return write_all(file_, std::as_bytes(std::span(whole)), path_);
}

}  // namespace smlp
