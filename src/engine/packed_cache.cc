#include "engine/packed_cache.h"

#include <map>
#include <mutex>

namespace smlp {
namespace {

using Key = std::pair<const Network*, const kernels::Kernels*>;

struct Entry {
  std::mutex packing;
  std::weak_ptr<const PackedNetwork> packed;
};

struct Cache {
  std::mutex mutex;
  std::map<Key, std::shared_ptr<Entry>> entries;
};

// Never destroyed: an engine may go away after main() has returned.
Cache& cache() {
  static Cache* const only = new Cache;
  return *only;
}

std::shared_ptr<Entry> entry_of(const Key& key) {
  const std::lock_guard lock(cache().mutex);
  auto& entries = cache().entries;
  // An entry that only the map holds is of nobody who is packing.
  std::erase_if(entries, [](const auto& e) { return e.second.use_count() == 1 && e.second->packed.expired(); });
  auto& entry = entries[key];
  if (!entry) entry = std::make_shared<Entry>();
  return entry;
}

// Weights, and the network whose address is their key: while they live, no other network can have that address.
struct Held {
  std::shared_ptr<const Network> network;
  PackedNetwork packed;
};

}  // namespace

std::shared_ptr<const PackedNetwork> shared_packed(const std::shared_ptr<const Network>& network,
                                                   const kernels::Kernels& table, ThreadPool& pool) {
  const std::shared_ptr<Entry> entry = entry_of({network.get(), &table});
  const std::lock_guard lock(entry->packing);
  if (auto there = entry->packed.lock()) return there;
  auto held = std::make_shared<Held>(Held{network, pack(*network, table, pool)});
  std::shared_ptr<const PackedNetwork> packed(held, &held->packed);
  entry->packed = packed;
  return packed;
}

}  // namespace smlp
