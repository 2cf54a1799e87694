#include "server/repository.h"

#include <algorithm>
#include <charconv>

#include "base/printable.h"

namespace smlp::server {
namespace {

std::uint64_t number_of(std::string_view version) {
  std::uint64_t number = 0;
  std::from_chars(version.data(), version.data() + version.size(), number);
  return number;
}

// A model that nobody can find any more. What it has taken is answered before this goes out of scope, which must be
// outside of locks: connections that wait for the answers lend it their memory. Requests that found it a moment ago and
// have yet to hand it their pictures are told that they came too late, and find what there is by now.
struct Ended {
  std::shared_ptr<ServedModel> model = {};
  explicit Ended(std::shared_ptr<ServedModel> ending = {}) : model(std::move(ending)) {}
  Ended(Ended&&) noexcept = default;
  Ended& operator=(Ended&&) = delete;
  ~Ended() {
    if (model != nullptr) model->batcher.shut_down();
  }
};

std::unexpected<Refusal> unknown(std::string_view name) {
  return refuse(404, "there is no model '{}'", printable(shortened(name, 80)));
}

}  // namespace

Repository::Repository(std::vector<ModelFile> files, SessionOptions session, BatchingOptions batching)
    : session_(std::move(session)), batching_(batching) {
  std::ranges::sort(files, [](const ModelFile& a, const ModelFile& b) {
    return std::pair(a.name, number_of(a.version)) < std::pair(b.name, number_of(b.version));
  });
  for (ModelFile& file : files) slots_.push_back({.from = std::move(file)});
}

Answer<void> Repository::load(std::string_view name) {
  const std::lock_guard one_at_a_time(loading_);
  bool known = name.empty();
  std::optional<Refusal> failed;
  for (Slot& slot : slots_) {  // `from` is never written to, so that it may be read without the lock
    if (!name.empty() && slot.from.name != name) continue;
    known = true;
    Ended replaced;
    auto served = ServedModel::load(slot.from.name, slot.from.version, slot.from.file, session_, batching_);
    const std::lock_guard lock(mutex_);
    if (served) {
      replaced.model = std::exchange(slot.served, std::move(*served));
      slot.reason.clear();
    } else {
      if (slot.served == nullptr) slot.reason = "its file could not be loaded";
      Error error = std::move(served).error();
      if (!name.empty()) error.file.clear();  // a client's answer names nothing of this machine
      if (!failed) {
        failed.emplace(400,
                       fmt::format("model '{}', version {}: {}", slot.from.name, slot.from.version, error.message()));
      }
    }
  }
  if (!known) return unknown(name);
  if (failed) return std::unexpected(*failed);
  return {};
}

Answer<void> Repository::unload(std::string_view name) {
  const std::lock_guard one_at_a_time(loading_);
  std::vector<Ended> ended;
  bool known = false;
  const std::lock_guard lock(mutex_);
  for (Slot& slot : slots_) {
    if (slot.from.name != name) continue;
    known = true;
    ended.emplace_back(std::exchange(slot.served, nullptr));
    slot.reason = "unloaded";
  }
  if (!known) return unknown(name);
  return {};
}

Answer<std::shared_ptr<ServedModel>> Repository::find(std::string_view name, std::string_view version) const {
  const std::lock_guard lock(mutex_);
  const Slot* found = nullptr;
  bool known = false;
  for (const Slot& slot : slots_) {
    if (slot.from.name != name) continue;
    known = true;
    if (version.empty() ? slot.served != nullptr : slot.from.version == version) found = &slot;
  }
  if (!known) return unknown(name);
  const std::string shown = printable(shortened(name, 80));
  if (found == nullptr && !version.empty()) {
    return refuse(404, "model '{}' has no version '{}'", shown, printable(shortened(version, 80)));
  }
  if (found == nullptr || found->served == nullptr) return refuse(404, "model '{}' is not loaded", shown);
  return found->served;
}

std::vector<std::string> Repository::versions(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> found;
  for (const Slot& slot : slots_) {
    if (slot.from.name == name && slot.served != nullptr) found.push_back(slot.from.version);
  }
  return found;
}

std::vector<std::shared_ptr<ServedModel>> Repository::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<ServedModel>> found;
  for (const Slot& slot : slots_) {
    if (slot.served != nullptr) found.push_back(slot.served);
  }
  return found;
}

std::vector<Repository::Entry> Repository::index(bool ready_only) const {
  const std::lock_guard lock(mutex_);
  std::vector<Entry> entries;
  entries.reserve(slots_.size());
  for (const Slot& slot : slots_) {
    if (ready_only && slot.served == nullptr) continue;
    entries.push_back({slot.from.name, slot.from.version, slot.served != nullptr, slot.reason});
  }
  return entries;
}

bool Repository::ready() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::all_of(slots_, [](const Slot& s) { return s.served != nullptr || s.reason == "unloaded"; });
}

}  // namespace smlp::server
