#include "base/json.h"

#include <set>
#include <string>
#include <vector>

namespace smlp {
namespace {

// Thrown through the parser to end it, and caught below.
struct Refusal {
  std::string why;
};

// Sees every event while the value is built.
template <class Json>
class Watch {
 public:
  using Event = typename Json::parse_event_t;

  bool operator()(Event event, const Json& value) {
    switch (event) {
      case Event::object_start:
      case Event::array_start:
        if (open_.size() == kMaxJsonDepth) throw Refusal{fmt::format("nested more than {} deep", kMaxJsonDepth)};
        open_.emplace_back();
        break;
      case Event::object_end:
      case Event::array_end:
        open_.pop_back();
        return true;
      case Event::key:
        if (const auto& key = value.template get_ref<const std::string&>(); !open_.back().insert(key).second) {
          throw Refusal{fmt::format("an object that has the key '{}' twice", key.substr(0, 100))};
        }
        return true;
      case Event::value:
        break;
    }
    if (++values_ > kMaxJsonValues) throw Refusal{fmt::format("more than {} values", kMaxJsonValues)};
    return true;
  }

 private:
  std::vector<std::set<std::string, std::less<>>> open_;  // the keys of each object that is open
  std::size_t values_ = 0;
};

template <class Json>
Result<Json> parse(std::string_view text) try {
  if (text.size() > kMaxJsonBytes) return fail("{} bytes of JSON; at most {} are read", text.size(), kMaxJsonBytes);
  Watch<Json> watch;
  return Json::parse(text.begin(), text.end(),
                     [&](int, typename Json::parse_event_t event, const Json& value) { return watch(event, value); });
} catch (const Refusal& refusal) {
  return fail("JSON with {}", refusal.why);
} catch (const nlohmann::json::parse_error& error) {
  return fail(Error{.what = "not JSON", .offset = error.byte == 0 ? 0 : error.byte - 1});
} catch (const std::bad_alloc&) {
  return fail(Error{.what = fmt::format("not enough memory to read {} bytes of JSON", text.size()), .transient = true});
} catch (const std::exception&) {
  return fail("not JSON");
}

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text) { return parse<nlohmann::json>(text); }

Result<nlohmann::ordered_json> parse_ordered_json(std::string_view text) { return parse<nlohmann::ordered_json>(text); }

}  // namespace smlp
