// A file of lines that grows while a job works, so that a job that was killed goes on where it stopped.
//
// Its first line says whose job it is and is whole from the start; every other line is appended with one write. A line
// that a kill cut off is no line. What follows a line that cannot be understood is not believed either: after a power
// cut the file may hold zeros there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/open_file.h"

namespace smlp {

struct JournalLines {
  std::string header;
  std::uint64_t end = 0;  // bytes of the header and of the lines that were understood
};

// `understood` is asked for each line after the first and may keep what it learns; its first `false` ends the reading.
// No file gives nothing. Errors: no whole first line, and what open_regular() refuses.
Result<std::optional<JournalLines>> read_lines(const std::filesystem::path& path,
                                               const std::function<bool(std::string_view line)>& understood);

class LineJournal {
 public:
  // Starts a journal; one that is there already is an error. As long as it is open, no other process may go on with it.
  static Result<LineJournal> create(const PathAt& path, std::string_view header);
  // Goes on after `journal`; what the file holds beyond is cut off. Errors: the file is another by now.
  static Result<LineJournal> reopen(const PathAt& path, const JournalLines& journal);

  // Deletes a journal that no process is writing.
  static Result<void> discard(const std::filesystem::path& path);

  Result<void> append(std::string_view line);  // without its line break

  // An error where somebody deleted it, or put another in its place, meanwhile.
  Result<void> check_there() const;

 private:
  LineJournal(std::filesystem::path path, FileHandle file) : path_(std::move(path)), file_(std::move(file)) {}
  static Result<LineJournal> open_at(const PathAt& path, std::string_view header, std::uint64_t end);

  std::filesystem::path path_;
  FileHandle file_;
};

}  // namespace smlp
