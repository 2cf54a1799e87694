#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace smlp {
namespace {

// Destroying a value that has children allocates; destroying an empty one does not.
template <class Json>
void empty_out(Json& value) noexcept {
  if (auto* const elements = value.template get_ptr<typename Json::array_t*>()) {
    for (Json& child : *elements) empty_out(child);
    elements->clear();
  } else if (auto* const members = value.template get_ptr<typename Json::object_t*>()) {
    for (auto& [key, child] : *members) empty_out(child);
    members->clear();
  }
}

// Builds a value from the events of the library's parser. No value that has children is destroyed on the way.
template <class Json>
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(Json& root) : root_(root) {}
  std::string refusal;       // why it ended early, or empty
  std::size_t position = 0;  // where it is no JSON

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(typename Json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::value_t::object); }
  bool start_array(std::size_t) override { return open(Json::value_t::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (!open_.back().keys.insert(name).second) {
      return refuse(fmt::format("an object that has the key '{}' twice", name.substr(0, 100)));
    }
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception&) override {
    position = at;
    return false;
  }

 private:
  struct Open {
    Json* value;
    std::set<std::string, std::less<>> keys;
  };

  bool refuse(std::string why) {
    refusal = std::move(why);
    return false;
  }

  bool add(Json value) {
    if (++values_ > kMaxJsonValues) return refuse(fmt::format("more than {} values", kMaxJsonValues));
    if (open_.empty()) {
      root_ = std::move(value);
      last_ = &root_;
    } else if (Json& parent = *open_.back().value; parent.is_array()) {
      parent.push_back(std::move(value));
      last_ = &parent.back();
    } else {
      last_ = &insert(parent.template get_ref<typename Json::object_t&>(), std::move(value));
    }
    return true;
  }

  Json& insert(typename Json::object_t& object, Json value) {
    if constexpr (requires { object.capacity(); }) {
      // The list behind an ordered object copies its members when it grows, and destroys the old ones.
      if (object.size() == object.capacity()) {
        typename Json::object_t larger;
        larger.reserve(2 * object.size() + 1);
        for (auto& [name, member] : object) larger.emplace_back(name, nullptr).second = std::move(member);
        object.swap(larger);
      }
      return object.emplace_back(std::move(key_), std::move(value)).second;
    } else {
      return object.emplace(std::move(key_), std::move(value)).first->second;
    }
  }

  bool open(typename Json::value_t type) {
    if (open_.size() == kMaxJsonDepth) return refuse(fmt::format("nested more than {} deep", kMaxJsonDepth));
    if (!add(Json(type))) return false;
    open_.push_back({last_, {}});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  Json& root_;
  Json* last_ = nullptr;  // the value added last
  std::string key_;       // of the value that comes next
  std::vector<Open> open_;
  std::size_t values_ = 0;
};

template <class Json>
Result<JsonDocument<Json>> parse(std::string_view text) try {
  if (text.size() > kMaxJsonBytes) return fail("{} bytes of JSON; at most {} are read", text.size(), kMaxJsonBytes);
  // The library takes a zero byte for the end of the text, and other readers do not.
  if (const std::size_t zero = text.find('\0'); zero != text.npos)
    return fail(Error{.what = "not JSON", .offset = zero});
  JsonDocument<Json> document;
  Builder<Json> builder(document);
  if (Json::sax_parse(text.begin(), text.end(), &builder)) return document;
  if (!builder.refusal.empty()) return fail("JSON with {}", builder.refusal);
  return fail(Error{.what = "not JSON", .offset = builder.position == 0 ? 0 : builder.position - 1});
} catch (const std::bad_alloc&) {
  throw;  // no fault of the text
} catch (const std::exception&) {
  return fail("not JSON");
}

}  // namespace

namespace json_detail {
void take_apart(nlohmann::json& value) noexcept { empty_out(value); }
void take_apart(nlohmann::ordered_json& value) noexcept { empty_out(value); }
}  // namespace json_detail

Result<JsonDocument<nlohmann::json>> parse_json(std::string_view text) { return parse<nlohmann::json>(text); }

Result<JsonDocument<nlohmann::ordered_json>> parse_ordered_json(std::string_view text) {
  return parse<nlohmann::ordered_json>(text);
}

std::string json_fault(const nlohmann::json::exception& error) {
  // "[json.exception.out_of_range.403] key 'shard' not found"
  std::string_view what = error.what();
  what.remove_prefix(std::min(what.find("] ") + 2, what.size()));
  const auto within_quotes = [&] { return what.substr(0, what.rfind('\'') + 1).substr(what.find('\'')); };
  const auto last_word = [&] { return what.substr(what.rfind(' ') + 1); };
  switch (error.id) {
    case 302:  // "type must be string, but is number", and those of exact()
      return what.starts_with("type must be ")
                 ? fmt::format("{} was expected, not {}", what.substr(13, what.find(',') - 13), last_word())
                 : std::string(what);
    case 304:
    case 305:
      return fmt::format("{} was not expected here", last_word());
    case 401:
      return "an array is too short";
    case 403:
      return fmt::format("it lacks {}", within_quotes());
    default:
      return std::string(what);
  }
}

}  // namespace smlp
