#include "cli/table.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "base/printable.h"

namespace smlp::cli {
namespace {

// A row is as wide as the widest cells: one cell of a megabyte would make every row as long.
constexpr std::size_t kLongestCell = 400;

// Wide ranges of Unicode's East Asian Width table: Hangul Jamo, CJK, Hangul, full-width forms, emoji.
bool is_wide(std::uint32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFE10 && c <= 0xFE19) || (c >= 0xFE30 && c <= 0xFE6F) ||
         (c >= 0xFF00 && c <= 0xFF60) || (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1FAFF) ||
         (c >= 0x20000 && c <= 0x3FFFD);
}

bool is_combining(std::uint32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x200B && c <= 0x200F) || (c >= 0x20D0 && c <= 0x20FF) ||
         (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0x1AB0 && c <= 0x1AFF);
}

struct Character {
  std::size_t bytes;
  int columns;
};

// The character that `text`, which is not empty, starts with.
Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = std::min<std::size_t>(lead < 0x80   ? 1
                                                   : lead < 0xE0 ? 2
                                                   : lead < 0xF0 ? 3
                                                                 : 4,
                                                   text.size());
  std::uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
  for (std::size_t k = 1; k < length; ++k) code = code << 6 | (static_cast<unsigned char>(text[k]) & 0x3FU);
  return {length, is_combining(code) ? 0 : is_wide(code) ? 2 : 1};
}

// Bytes at the start of `text` that fit `width` columns: at least one character.
std::size_t fitting(std::string_view text, int width) {
  std::size_t bytes = 0;
  for (int columns = 0; bytes < text.size();) {
    const Character character = first_character(text.substr(bytes));
    columns += character.columns;
    if (columns > width && bytes > 0) break;
    bytes += character.bytes;
  }
  return bytes;
}

using Rows = std::vector<std::vector<std::string>>;

constexpr int kGap = 2;         // between columns
constexpr int kNarrowest = 12;  // a wrapped column

int sum_of(std::span<const int> widths) {
  int sum = -kGap;
  for (const int width : widths) sum += width + kGap;
  return sum;
}

// Narrows the left-aligned columns, the widest first, until all of them fit or cannot be narrower.
void narrow(std::vector<int>& widths, const std::vector<Table::Align>& aligns, int max_width) {
  while (sum_of(widths) > max_width) {
    std::size_t widest = widths.size();
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const bool can = aligns[c] == Table::Align::left && widths[c] > kNarrowest;
      if (can && (widest == widths.size() || widths[c] > widths[widest])) widest = c;
    }
    if (widest == widths.size()) return;
    --widths[widest];
  }
}

// One row, of as many lines as its cells need.
std::string row_text(const std::vector<std::string>& row, const std::vector<std::size_t>& columns,
                     const std::vector<int>& widths, const std::vector<Table::Align>& aligns) {
  Rows cells;
  std::size_t lines = 1;
  for (const std::size_t c : columns) {
    cells.push_back(display_width(row[c]) > widths[c] ? wrapped(row[c], widths[c]) : std::vector{row[c]});
    lines = std::max(lines, cells.back().size());
  }
  std::string out;
  for (std::size_t i = 0; i < lines; ++i) {
    std::string line;
    for (std::size_t k = 0; k < columns.size(); ++k) {
      const std::string cell = i < cells[k].size() ? cells[k][i] : "";
      const std::size_t c = columns[k];
      const std::string pad(static_cast<std::size_t>(std::max(0, widths[c] - display_width(cell))), ' ');
      line += (k == 0 ? "" : std::string(kGap, ' ')) + (aligns[c] == Table::Align::right ? pad + cell : cell + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    width += character.columns;
    text.remove_prefix(character.bytes);
  }
  return width;
}

std::vector<std::string> wrapped(std::string_view text, int width) {
  std::vector<std::string> lines;
  const std::size_t indent = std::min(text.find_first_not_of(' '), text.size());
  std::string line(text.substr(0, indent));
  text.remove_prefix(indent);
  bool has_word = false;
  while (!text.empty()) {
    std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (has_word && display_width(line) + 1 + display_width(word) > width) {
      lines.push_back(std::move(line));
      line.clear();
      has_word = false;
    }
    while (display_width(line) + display_width(word) > width && !has_word) {
      const std::size_t bytes = fitting(word, width - display_width(line));
      lines.push_back(line + std::string(word.substr(0, bytes)));
      line.clear();
      word.remove_prefix(bytes);
    }
    if (has_word) line += ' ';
    line += word;
    has_word = true;
  }
  lines.push_back(std::move(line));
  return lines;
}

Table::Table(std::vector<std::string> titles, std::vector<Align> aligns) : aligns_(std::move(aligns)) {
  add(std::move(titles));
}

void Table::add(std::vector<std::string> cells) {
  cells.resize(aligns_.size());
  for (std::string& cell : cells) cell = shortened(printable(cell), kLongestCell);
  rows_.push_back(std::move(cells));
}

std::string Table::text(int max_width) const {
  std::vector<int> widths(aligns_.size(), 0);
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], display_width(row[c]));
  }
  if (max_width > 0) narrow(widths, aligns_, max_width);
  const bool has_header = std::ranges::any_of(rows_[0], [](const std::string& title) { return !title.empty(); });
  std::string out;
  for (std::size_t next = 0; next < widths.size();) {
    std::vector<std::size_t> columns;
    int width = 0;
    if (next > 0) {
      columns.push_back(0);
      width = widths[0] + kGap;
      out += "\n";
    }
    const std::size_t first = next;
    while (next < widths.size() && (next == first || max_width == 0 || width + widths[next] <= max_width)) {
      columns.push_back(next);
      width += widths[next++] + kGap;
    }
    for (std::size_t r = has_header ? 0 : 1; r < rows_.size(); ++r) out += row_text(rows_[r], columns, widths, aligns_);
  }
  return out;
}

}  // namespace smlp::cli
