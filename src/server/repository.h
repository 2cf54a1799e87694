// The models that a server has, by name and version.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/served_model.h"

namespace smlp::server {

// Where a version of a model comes from.
struct ModelFile {
  std::string name;
  std::string version = "1";        // a whole number from 1 on
  std::filesystem::path file = {};  // empty: the bundled model
};

// Safe to use from several threads. A model that is unloaded answers what it has taken.
class Repository {
 public:
  Repository(std::vector<ModelFile> files, SessionOptions session, BatchingOptions batching);

  // Loads, or loads anew, every version of `name` (of every model where it is empty). A version that cannot be loaded
  // is left as it was. Errors: 404 for a name that was not given at the start, 400 for a file that cannot be read.
  Answer<void> load(std::string_view name);
  Answer<void> unload(std::string_view name);

  // Version "" is the highest that is loaded. Errors: 404.
  Answer<std::shared_ptr<ServedModel>> find(std::string_view name, std::string_view version) const;
  std::vector<std::string> versions(std::string_view name) const;  // those that are loaded
  std::vector<std::shared_ptr<ServedModel>> all() const;           // likewise

  struct Entry {
    std::string name, version;
    bool ready = false;
    std::string reason = {};  // why it is not
  };
  std::vector<Entry> index(bool ready_only = false) const;
  bool ready() const;  // all that were given are loaded, but for those that were unloaded on purpose

 private:
  struct Slot {
    ModelFile from;
    std::shared_ptr<ServedModel> served = {};
    std::string reason = {};
  };

  const SessionOptions session_;
  const BatchingOptions batching_;
  std::mutex loading_;  // one at a time
  mutable std::mutex mutex_;
  std::vector<Slot> slots_;  // by name, then version; never grows or shrinks
};

// The protocol's word for it.
inline std::string_view state_name(const Repository::Entry& entry) { return entry.ready ? "READY" : "UNAVAILABLE"; }

}  // namespace smlp::server
