#include "tasks/csv_cell.h"

#include "base/printable.h"

namespace smlp {

std::string csv_cell(std::string_view text) {
  std::string plain = printable(text);
  if (plain.find_first_of(",\"\r\n") == std::string::npos) return plain;
  std::string out = "\"";
  for (const char c : plain) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace smlp
