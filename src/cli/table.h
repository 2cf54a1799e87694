// Columns that line up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace smlp::cli {

// Columns that text takes on a terminal: UTF-8 characters, East Asian wide ones counted twice.
int display_width(std::string_view text);

class Table {
 public:
  enum class Align { left, right };

  // One alignment per column; the header is left out where every title is empty.
  Table(std::vector<std::string> titles, std::vector<Align> aligns);
  // One cell per column, whatever it holds: it is made printable, and shortened where it is very long.
  void add(std::vector<std::string> cells);
  std::string text() const;  // lines, two spaces between columns, no trailing spaces

 private:
  std::vector<std::vector<std::string>> rows_;  // the titles are row 0
  std::vector<Align> aligns_;
};

}  // namespace smlp::cli
