#include "cli/table.h"

#include <algorithm>
#include <cstdint>

#include "base/printable.h"

namespace smlp::cli {
namespace {

// A row is as wide as the widest cells: one cell of a megabyte would make every row as long.
constexpr std::size_t kLongestCell = 400;

// Wide ranges of Unicode's East Asian Width table: Hangul Jamo, CJK, Hangul, full-width forms, emoji.
bool is_wide(std::uint32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
         (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    std::uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < text.size(); ++k) {
      code = code << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
    }
    width += is_wide(code) ? 2 : 1;
    i += length;
  }
  return width;
}

Table::Table(std::vector<std::string> titles, std::vector<Align> aligns) : aligns_(std::move(aligns)) {
  add(std::move(titles));
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(aligns_.size());
  for (std::string& cell : cells) cell = shortened(printable(cell), kLongestCell);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<int> widths(aligns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], display_width(row[c]));
  }
  const bool has_header = std::ranges::any_of(rows_[0], [](const std::string& title) { return !title.empty(); });
  std::string out;
  for (std::size_t r = has_header ? 0 : 1; r < rows_.size(); ++r) {
    std::string line;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string pad(static_cast<std::size_t>(widths[c] - display_width(rows_[r][c])), ' ');
      line += (c == 0 ? "" : "  ") + (aligns_[c] == Align::right ? pad + rows_[r][c] : rows_[r][c] + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace smlp::cli
