// JSON of others: read, copied, compared and printed. What is printed is as it was, and obeyed by no terminal.
#include <cstdint>
#include <cstdlib>

#include "base/json.h"
#include "base/printable.h"
#include "support/escapes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!smlp::test::what_acts_in(smlp::printable(text)).empty()) std::abort();
  const auto value = smlp::parse_json(text);
  if (!value) return 0;
  const nlohmann::json& read = *value;
  const nlohmann::json copy = read;
  const std::string printed = smlp::printable_json(copy.dump());
  if (!smlp::test::what_acts_in(printed).empty()) std::abort();
  const auto again = smlp::parse_json(printed);
  if (!again || static_cast<const nlohmann::json&>(*again) != copy) std::abort();
  return 0;
}
