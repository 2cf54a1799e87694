// A list of inputs. Its first byte says which paths are there: those whose length has the same remainder.
#include "data/path_list.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t rule = data[0] % 5, by = data[0] / 5 % 7 + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto list = smlp::parse_list(text, [&](std::string_view path) {
    return path.size() % by == 0 ? smlp::ListPlace{static_cast<int>(rule % 4)} : smlp::ListPlace::nowhere;
  });
  if (!list) return list.error().what.empty() ? std::abort(), 0 : 0;
  int last = 0;
  for (const smlp::ListLine& line : list->lines) {
    const bool sound = line.number > last && !line.path.empty() && line.path.find_first_of("\n") == std::string::npos &&
                       line.label.empty() == !list->labelled && text.contains(line.path) && text.contains(line.label);
    if (!sound) std::abort();
    last = line.number;
  }
  return list->lines.empty() ? std::abort(), 0 : 0;
}
