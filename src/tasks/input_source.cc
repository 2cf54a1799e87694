#include "tasks/input_source.h"

#include <algorithm>

#include "image/decode.h"
#include "pipeline/image_source.h"

namespace smlp {
namespace {

constexpr std::size_t kMaxOpen = 16;

std::unexpected<Error> pass_ended() { return fail("was not read: the pass has ended"); }

}  // namespace

InputSpec input_spec(const Model& model, int max_rows) {
  return {
      .channels = model.in_channels(), .side = model.image_size(), .how = model.preprocessing(), .max_rows = max_rows};
}

Result<std::shared_ptr<const TarReader>> ArchiveReaders::of(const TarArchive& archive) {
  const auto find = [&] { return std::ranges::find(open_, &archive, [](const auto& entry) { return entry.first; }); };
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = find(); at != open_.end()) return at->second;
  }
  SMLP_TRY(reader, archive.reader());  // outside the lock: opening may wait
  const std::lock_guard lock(mutex_);
  if (const auto at = find(); at != open_.end()) return at->second;  // another thread was faster
  if (open_.size() == kMaxOpen) open_.erase(open_.begin());
  open_.emplace_back(&archive, reader);
  return reader;
}

InputSource::InputSource(std::span<const Input> inputs, const InputSpec& spec)
    : inputs_(inputs), spec_(spec), first_{0}, open_(inputs.size()) {
  first_.reserve(inputs.size() + 1);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    first_.push_back(first_.back() + static_cast<std::size_t>(inputs[i].rows));
    if (inputs[i].kind != InputKind::picture) open_[i] = std::make_unique<Open>();
  }
}

std::size_t InputSource::input_of(std::size_t index) const {
  return static_cast<std::size_t>(std::ranges::upper_bound(first_, index) - first_.begin()) - 1;
}

std::string InputSource::name(std::size_t index) const {
  const std::size_t input = input_of(index);
  if (inputs_[input].rows == 1) return inputs_[input].name();
  return fmt::format("{}[{}]", inputs_[input].name(), index - first_[input]);
}

Result<std::shared_ptr<const InputRows>> InputSource::open(std::size_t input) {
  Open& at = *open_[input];
  const std::lock_guard lock(at.mutex);  // the others wait for this file, and for no other
  if (!at.rows) {
    SMLP_TRY(rows, InputRows::open(inputs_[input], spec_));
    at.rows = std::move(rows);
  }
  return ++at.asked == inputs_[input].rows ? std::exchange(at.rows, nullptr) : at.rows;
}

Result<Reading> InputSource::read(std::size_t index, Room& room) {
  const std::size_t input = input_of(index);
  const Input& at = inputs_[input];
  if (at.kind != InputKind::picture) return read_row(input, static_cast<int>(index - first_[input]), room);
  return at.archive ? read_member(at, readers_, room) : read_picture_file(at.file, room);
}

Result<Reading> read_member(const Input& input, ArchiveReaders& readers, Room& room) {
  const TarMember& member = input.archive->members()[input.member];
  const std::uint64_t limit = DecodeLimits{}.max_file_bytes;
  SMLP_TRY(reader, readers.of(*input.archive));
  if (member.bytes <= limit && !room.take(member.bytes)) return pass_ended();
  SMLP_TRY(bytes, reader->read(member, limit));
  const auto owner = std::make_shared<const std::string>(std::move(bytes));
  return Reading{.material = std::as_bytes(std::span(*owner)), .owner = owner};
}

Result<Reading> InputSource::read_row(std::size_t input, int row, Room& room) {
  const std::size_t floats = spec_.floats();
  if (!room.take(floats * sizeof(float))) return pass_ended();
  SMLP_TRY(rows, open(input));
  const auto picture = std::make_shared_for_overwrite<float[]>(floats);
  const std::span<float> values(picture.get(), floats);
  SMLP_CHECK(rows->read(row, values));
  return Reading{.material = std::span<const float>(values), .owner = picture};
}

}  // namespace smlp
