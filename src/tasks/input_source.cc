#include "tasks/input_source.h"

#include <algorithm>

#include "pipeline/image_source.h"

namespace smlp {

InputSource::InputSource(std::span<const InputFile> files, const InputSpec& spec)
    : files_(files), spec_(spec), first_{0}, open_(files.size()) {
  for (const InputFile& file : files) first_.push_back(first_.back() + static_cast<std::size_t>(file.rows));
}

std::size_t InputSource::input_of(std::size_t index) const {
  return static_cast<std::size_t>(std::ranges::upper_bound(first_, index) - first_.begin()) - 1;
}

Result<std::shared_ptr<const InputRows>> InputSource::open(std::size_t input) {
  Open& at = open_[input];
  const std::lock_guard lock(at.mutex);  // the others wait for this file, and for no other
  if (!at.rows) {
    SMLP_TRY(rows, InputRows::open(files_[input], spec_));
    at.rows = std::move(rows);
  }
  return ++at.asked == files_[input].rows ? std::exchange(at.rows, nullptr) : at.rows;
}

Result<Reading> InputSource::read(std::size_t index, Room& room) {
  const std::size_t input = input_of(index);
  const InputFile& file = files_[input];
  if (file.kind == InputKind::picture) return read_picture_file(file.path, room);
  const std::size_t floats = spec_.floats();
  if (!room.take(floats * sizeof(float))) return fail("was not read: the pass has ended");
  SMLP_TRY(rows, open(input));
  const auto picture = std::make_shared_for_overwrite<float[]>(floats);
  const std::span<float> values(picture.get(), floats);
  SMLP_CHECK(rows->read(static_cast<int>(index - first_[input]), values));
  return Reading{.material = std::span<const float>(values), .owner = picture};
}

}  // namespace smlp
