// labels.npy
#include "data/labels.h"
#include "file_of.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const smlp::FileOf file(data, size);
  const auto table = smlp::read_labels(file.path());
  if (!table) return 0;
  if (table->batch_size == 0 || table->labels.size() % table->batch_size != 0 ||
      table->pictures() > table->labels.size()) {
    std::abort();
  }
  for (std::size_t i = 0; i < table->pictures(); ++i) {
    if (table->labels[i] < 0) std::abort();
  }
  return 0;
}
