#include "data/input_rows.h"

#include <algorithm>

namespace smlp {
namespace {

std::unexpected<Error> changed(const Input& file) {
  return fail(Error{.what = "has changed since it was checked, before the first inference", .file = file.name()});
}

}  // namespace

Result<std::shared_ptr<const InputRows>> InputRows::open(const Input& file, const InputSpec& spec) {
  SMLP_TRY(opened, open_regular(file.file));
  if (opened.stamp != FileStamp{.bytes = file.bytes, .mtime_ns = file.mtime_ns}) return changed(file);
  auto rows = std::shared_ptr<InputRows>(new InputRows(file, std::move(opened.handle)));
  if (file.kind == InputKind::npy) {
    SMLP_TRY(header, read_npy_header(file.file, file.bytes));
    if (header.elements() != static_cast<std::int64_t>(spec.floats()) * file.rows) return changed(file);
    if (header.fortran && header.shape.size() > 1) {
      SMLP_TRY(array, NpyArray::open(file.file));
      rows->whole_ = array.to_floats();
      if (rows->whole_.size() != spec.floats() * static_cast<std::size_t>(file.rows)) return changed(file);
    }
    rows->header_ = std::move(header);
  }
  return rows;
}

Result<void> InputRows::read(int row, std::span<float> picture) const {
  const std::size_t first = static_cast<std::size_t>(row) * picture.size();
  if (!whole_.empty()) {
    std::ranges::copy(std::span(whole_).subspan(first, picture.size()), picture.begin());
    return {};
  }
  const auto element = static_cast<std::size_t>(header_.size);
  const std::uint64_t at = header_.data_at + first * element;
  if (header_.plain()) return read_at(handle_, at, std::as_writable_bytes(picture), file_.file);
  std::vector<std::byte> raw(picture.size() * element);
  SMLP_CHECK(read_at(handle_, at, raw, file_.file));
  header_.to_floats(raw, picture);
  return {};
}

}  // namespace smlp
