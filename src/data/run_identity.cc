#include "data/run_identity.h"

#include "base/json.h"
#include "data/tally.h"

namespace smlp {
namespace {

using Json = nlohmann::ordered_json;

// Every field of an identity, once: its key in the record, its name for people, and where it lies.
template <class Identity, class Visit>
void visit_fields(Identity& identity, Visit visit) {
  visit("program", "version of smlp", identity.program);
  visit("model_sha256", "model", identity.model_sha256);
  visit("precision", "precision", identity.precision);
  visit("isa", "instruction set", identity.isa);
  visit("preprocess", "preprocessing", identity.preprocess);
  visit("inputs_sha256", "inputs", identity.inputs_sha256);
  visit("labels", "labels", identity.labels);
  visit("shard", "shard", identity.shard);
  visit("format", "format", identity.format);
  visit("packed", "packing", identity.packed);
  visit("classes", "number of classes", identity.classes);
}

// A hash says nothing to people.
std::string shown(const std::string& value) { return value.empty() ? "none" : value.size() == 64 ? "" : value; }
std::string shown(bool value) { return value ? "packed" : "a file an input"; }
std::string shown(int value) { return fmt::format("{}", value); }

}  // namespace

std::vector<std::string> differences(const RunIdentity& recorded, const RunIdentity& now) {
  std::vector<std::pair<std::string, std::string>> before;  // value and how it is shown
  visit_fields(recorded,
               [&](const char*, const char*, const auto& v) { before.emplace_back(fmt::format("{}", v), shown(v)); });
  std::vector<std::string> out;
  std::size_t at = 0;
  visit_fields(now, [&](const char*, const char* name, const auto& value) {
    const auto& [old_value, old_shown] = before[at++];
    if (old_value == fmt::format("{}", value)) return;
    const std::string now_shown = shown(value);
    out.push_back(old_shown.empty() || now_shown.empty()
                      ? std::string(name)
                      : fmt::format("{} ({} there, {} now)", name, old_shown, now_shown));
  });
  return out;
}

Json identity_json(const RunIdentity& identity) {
  Json json = Json::object();
  visit_fields(identity, [&](const char* key, const char*, const auto& value) { json[key] = value; });
  return json;
}

RunIdentity identity_of_json(const Json& json) {
  RunIdentity identity;
  visit_fields(identity, [&](const char* key, const char*, auto& value) {
    // Records of version 0.1 had no labels.
    if (!json.contains(key) && std::string_view(key) == "labels") return;
    if constexpr (std::is_same_v<decltype(value), int&>) {
      value = exact_within(json.at(key), 1, kMostClasses);
    } else {
      json.at(key).get_to(value);
    }
  });
  return identity;
}

}  // namespace smlp
