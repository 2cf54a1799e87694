// Columns that line up, and text that keeps to the width of the terminal.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace smlp::cli {

// Columns that text takes on a terminal: UTF-8 characters, East Asian wide ones counted twice, combining ones not at
// all.
int display_width(std::string_view text);

// Lines of at most `width` columns, broken at spaces, and inside words that are longer than a line.
std::vector<std::string> wrapped(std::string_view text, int width);

class Table {
 public:
  enum class Align { left, right };

  // One alignment per column; the header is left out where every title is empty.
  Table(std::vector<std::string> titles, std::vector<Align> aligns);
  // One cell per column, whatever it holds: it is made printable, and shortened where it is very long.
  void add(std::vector<std::string> cells);

  // Lines, two spaces between columns, no trailing spaces. Lines keep to `max_width` columns (0: any width): long cells
  // of the left-aligned columns are wrapped, and where that is not enough, the columns that do not fit follow below,
  // each time after the first column.
  std::string text(int max_width = 0) const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the titles are row 0
  std::vector<Align> aligns_;
};

}  // namespace smlp::cli
