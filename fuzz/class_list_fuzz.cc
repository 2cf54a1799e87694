// A list of class names, as a text file.
#include "data/class_list.h"
#include "data/label_map.h"
#include "file_of.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const smlp::FileOf file(data + 1, size - 1);
  const auto list = smlp::read_class_list(file.path(), data[0]);
  if (!list) return 0;
  if (list->names.size() != data[0] || (!list->wnids.empty() && list->wnids.size() != list->names.size())) std::abort();
  static_cast<void>(smlp::map_labels(list->names, data[0], *list));
  return 0;
}
