#include "data/path_list.h"

#include <algorithm>
#include <optional>

#include "data/picture_files.h"

namespace smlp {
namespace {

constexpr std::size_t kMaxLine = 8192;  // bytes: a path of the longest, and its label
constexpr std::size_t kMaxLines = 10'000'000;

std::unexpected<Error> line_error(int number, std::string what, std::string remedy) {
  return fail(Error{.what = fmt::format("line {} {}", number, what), .remedy = std::move(remedy)});
}

struct Split {
  std::string_view path, label;
};

// The line as a path and a label; nothing where it cannot be both.
std::optional<Split> split(std::string_view line) {
  const std::size_t tab = line.find('\t');
  line = line.substr(0, line.find_last_not_of(' ') + 1);
  const std::size_t at = tab != std::string_view::npos ? tab : line.find_last_of(' ');
  if (at == std::string_view::npos) return std::nullopt;
  Split parts{.path = line.substr(0, at), .label = line.substr(at + 1)};
  if (tab == std::string_view::npos) parts.path = parts.path.substr(0, parts.path.find_last_not_of(' ') + 1);
  if (parts.path.empty() || parts.label.empty() || parts.label.contains('\t')) return std::nullopt;
  return parts;
}

bool named_as_input(std::string_view path) {
  return has_picture_extension(path) || path.ends_with(".bin") || path.ends_with(".npy");
}

// Decides line by line what a list is, and refuses what does not agree.
class ListReader {
 public:
  explicit ListReader(const FindPlace& find) : find_(find) {}

  Result<void> take(std::string_view line, int number) {
    if (line.contains('\0')) return line_error(number, "has a zero byte in it", "a list has one path a line");
    if (line.size() > kMaxLine) {
      return line_error(number, fmt::format("has {} bytes; at most {} are read", line.size(), kMaxLine),
                        "a list has one path a line");
    }
    if (list_.lines.size() == kMaxLines) {
      return line_error(number, fmt::format("is beyond the {} that a list may have", kMaxLines), "split the list");
    }
    const auto parts = split(line);
    const ListPlace whole = find_(line), part = parts ? find_(parts->path) : ListPlace::nowhere;
    if (whole != ListPlace::nowhere && part != ListPlace::nowhere) {
      return line_error(number, fmt::format("means two things: '{}' is there, and so is '{}'", line, parts->path),
                        "rename one of the two, so that it is plain whether the line has a label");
    }
    if (whole != ListPlace::nowhere) SMLP_CHECK(note(plain_, number, whole, line));
    if (part != ListPlace::nowhere) SMLP_CHECK(note(labelled_, number, part, parts->path));
    if (plain_ > 0 && labelled_ > 0) {
      return line_error(std::max(plain_, labelled_),
                        fmt::format("{}, line {} {}", plain_ > labelled_ ? "has no label" : "has a label",
                                    std::min(plain_, labelled_), plain_ > labelled_ ? "has one" : "has none"),
                        "give every line a label, or none");
    }
    list_.lines.push_back({.path = std::string(line), .label = {}, .number = number});
    return {};
  }

  Result<PathList> finish() {
    std::vector<ListLine>& lines = list_.lines;
    if (lines.empty()) return fail(Error{.what = "the list names nothing", .remedy = "give it a path a line"});
    list_.labelled = labelled_ > 0;
    list_.beside = beside_ > 0;
    // Nothing of it is there: the names tell what the lines are, so that errors name the right files.
    if (plain_ == 0 && labelled_ == 0) {
      list_.labelled = std::ranges::all_of(lines, [](const ListLine& line) {
        const auto parts = split(line.path);
        return parts && named_as_input(parts->path) && !named_as_input(line.path);
      });
    }
    for (ListLine& line : lines) {
      if (!list_.labelled) {
        SMLP_CHECK(check_comma(line));
        continue;
      }
      const auto parts = split(line.path);
      if (!parts) return line_error(line.number, "has no label", "give every line a label, or none");
      line.label = parts->label;
      line.path = std::string(parts->path);
    }
    return std::move(list_);
  }

 private:
  // The first line of each kind counts; 0: none yet.
  Result<void> note(int& kind, int number, ListPlace place, std::string_view path) {
    if (kind == 0) kind = number;
    if (place == ListPlace::both) {
      return line_error(number, fmt::format("means two files: '{}' is in the working folder and beside the list", path),
                        "write whole paths, or run it in the list's folder");
    }
    if (path.starts_with('/')) return {};
    int& base = place == ListPlace::beside ? beside_ : here_;
    if (base == 0) base = number;
    if (here_ == 0 || beside_ == 0) return {};
    return line_error(number,
                      fmt::format("is found only {}, line {} only {}",
                                  place == ListPlace::beside ? "beside the list" : "from the working folder",
                                  std::min(here_, beside_),
                                  place == ListPlace::beside ? "from the working folder" : "beside the list"),
                      "write all paths from one folder");
  }

  // A line of comma-separated values is not read as one; it would be a file that is not there.
  Result<void> check_comma(const ListLine& line) const {
    const std::size_t comma = line.path.find_last_of(',');
    if (comma == std::string::npos || comma == 0 || find_(line.path) != ListPlace::nowhere) return {};
    if (find_(std::string_view(line.path).substr(0, comma)) == ListPlace::nowhere) return {};
    return line_error(line.number, "has a comma between a path and its label", "put a tab or a space there");
  }

  const FindPlace& find_;
  PathList list_;                 // each line whole in its path, until finish()
  int plain_ = 0, labelled_ = 0;  // the first line that is a path, and that has a label
  int here_ = 0, beside_ = 0;     // the first line whose relative path is found there
};

}  // namespace

Result<PathList> parse_list(std::string_view text, const FindPlace& find) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  ListReader reader(find);
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    // A name may be of spaces alone; where no file has it, the line is a blank one.
    const bool blank = line.find_first_not_of(" \t") == std::string_view::npos;
    if (blank && (line.empty() || find(line) == ListPlace::nowhere)) continue;
    SMLP_CHECK(reader.take(line, number));
  }
  return reader.finish();
}

}  // namespace smlp
