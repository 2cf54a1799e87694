#include "base/json.h"

#include <set>
#include <string>
#include <vector>

namespace smlp {
namespace {

using nlohmann::json;

// Thrown through the parser to end it, and caught below.
struct Refusal {
  std::string why;
};

// Sees every event while the value is built.
class Watch {
 public:
  bool operator()(int, json::parse_event_t event, json& value) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (open_.size() == kMaxJsonDepth) throw Refusal{fmt::format("nested more than {} deep", kMaxJsonDepth)};
        open_.emplace_back();
        break;
      case json::parse_event_t::object_end:
      case json::parse_event_t::array_end:
        open_.pop_back();
        return true;
      case json::parse_event_t::key:
        if (const auto& key = value.get_ref<const std::string&>(); !open_.back().insert(key).second) {
          throw Refusal{fmt::format("an object that has the key '{}' twice", key.substr(0, 100))};
        }
        return true;
      case json::parse_event_t::value:
        break;
    }
    if (++values_ > kMaxJsonValues) throw Refusal{fmt::format("more than {} values", kMaxJsonValues)};
    return true;
  }

 private:
  std::vector<std::set<std::string, std::less<>>> open_;  // the keys of each object that is open
  std::size_t values_ = 0;
};

}  // namespace

Result<json> parse_json(std::string_view text) try {
  if (text.size() > kMaxJsonBytes) {
    return fail("{} bytes of JSON; at most {} are read", text.size(), kMaxJsonBytes);
  }
  return json::parse(text.begin(), text.end(),
                     [watch = Watch()](int depth, json::parse_event_t event, json& value) mutable {
                       return watch(depth, event, value);
                     });
} catch (const Refusal& refusal) {
  return fail("JSON with {}", refusal.why);
} catch (const json::parse_error& error) {
  return fail(Error{.what = "not JSON", .offset = error.byte == 0 ? 0 : error.byte - 1});
} catch (const std::bad_alloc&) {
  return fail("not enough memory to read {} bytes of JSON", text.size());
} catch (const std::exception&) {
  return fail("not JSON");
}

}  // namespace smlp
