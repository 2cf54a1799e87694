#include "data/labels.h"

#include <algorithm>
#include <array>

#include "data/npy.h"

namespace smlp {

std::size_t LabelTable::pictures() const {
  return labels.size() - static_cast<std::size_t>(std::ranges::count(labels, kNoLabel));
}

std::string labels_bytes(const LabelTable& table) {
  const std::array shape = {static_cast<std::int64_t>(table.bins()), static_cast<std::int64_t>(table.batch_size)};
  std::string bytes = npy_header("<i8", shape);
  bytes.append(reinterpret_cast<const char*>(table.labels.data()), table.labels.size() * sizeof(std::int64_t));
  return bytes;
}

Result<LabelTable> read_labels(const std::filesystem::path& path) {
  const auto parse = [&]() -> Result<LabelTable> {
    SMLP_TRY(array, NpyArray::open(path));
    const auto& shape = array.shape();
    if (shape.empty() || shape.size() > 2 || array.elements() == 0) {
      return fail("labels of shape ({}); (bins, batch size) or (pictures,) was expected", fmt::join(shape, ", "));
    }
    SMLP_TRY(labels, array.to_integers());
    LabelTable table{.batch_size = shape.size() == 2 ? static_cast<std::size_t>(shape[1]) : 1,
                     .labels = std::move(labels)};
    const auto end = table.labels.begin() + static_cast<std::ptrdiff_t>(table.pictures());
    const auto bad = std::find_if(table.labels.begin(), end, [](std::int64_t label) { return label < 0; });
    if (bad != end) return fail("label {} of picture {}; labels start at 0", *bad, bad - table.labels.begin());
    return table;
  };
  auto table = parse();
  if (!table) return fail(std::move(table).error().in(path.string()));
  return table;
}

}  // namespace smlp
