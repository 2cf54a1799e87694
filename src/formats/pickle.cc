#include "formats/pickle.h"

#include <array>
#include <charconv>

#include "formats/budget.h"
#include "formats/pickle_globals.h"

namespace smlp {
namespace {

// A checkpoint's pickle has some thousands of values, with optimizer state and logs some hundred thousand.
constexpr std::size_t kMaxValues = std::size_t{1} << 22;
// Opcodes and copied items together; keeps time and memory linear in the file whatever it repeats by reference.
constexpr std::size_t kMaxWork = std::size_t{1} << 24;

// Printable and short, for messages.
std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 100)) out += c >= 32 && c < 127 ? c : '?';
  return text.size() > 100 ? out + "..." : out;
}

class Interpreter {
 public:
  explicit Interpreter(ByteReader& reader) : reader_(reader), budget_(description_budget(reader.remaining())) {}

  Result<Pickle> run() {
    const std::uint64_t start = reader_.offset();
    for (;;) {
      const std::uint64_t at = reader_.offset();
      SMLP_TRY(opcode, reader_.read<unsigned char>());
      if (opcode == '.') break;
      Result<void> done = charge(1);
      if (done) done = step(opcode);
      if (!done) return fail(std::move(done).error().at(at));
    }
    if (stack_.size() != 1 || !marks_.empty()) return fail("a pickle that does not end with exactly one value");
    pickle_.root = stack_.back();
    pickle_.bytes = reader_.offset() - start;
    return std::move(pickle_);
  }

 private:
  using Kind = PickleKind;

  Result<void> charge(std::size_t work) {
    work_ += work;
    if (work_ > kMaxWork) return fail("a pickle of more than {} steps, far more than any checkpoint has", kMaxWork);
    return {};
  }

  // A vector that grows holds its elements up to three times for a moment.
  template <class T>
  Result<void> take(std::size_t count) {
    return take_bytes(3 * sizeof(T) * count);
  }
  Result<void> take_bytes(std::size_t bytes) {
    if (!budget_.take(bytes)) return budget_.exceeded("a pickle of values");
    return {};
  }

  Result<void> push_ref(PickleRef ref) {
    SMLP_CHECK(take<PickleRef>(1));
    stack_.push_back(ref);
    return {};
  }

  Result<void> push(PickleValue value) {
    SMLP_CHECK(take_bytes(sizeof(PickleValue) + sizeof(PickleRef) * value.items.size()));
    if (pickle_.values.size() >= kMaxValues) {
      return fail("a pickle of more than {} values, far more than any checkpoint has", kMaxValues);
    }
    SMLP_CHECK(push_ref(static_cast<PickleRef>(pickle_.values.size())));
    pickle_.values.push_back(std::move(value));
    return {};
  }
  Result<void> push(Kind kind) { return push(PickleValue{.kind = kind}); }
  Result<void> push_integer(std::int64_t value) { return push(PickleValue{.kind = Kind::integer, .integer = value}); }
  Result<void> push_boolean(bool value) { return push(PickleValue{.kind = Kind::boolean, .integer = value}); }
  Result<void> push_text(Kind kind, Result<std::string_view> text) {
    SMLP_TRY(view, std::move(text));
    return push(PickleValue{.kind = kind, .text = view});
  }
  Result<void> push_object(PickleRef callee, PickleRef arguments) {
    return push(PickleValue{.kind = Kind::object, .items = {callee, arguments}});
  }

  // The lowest stack position above the innermost mark.
  std::size_t base() const { return marks_.empty() ? 0 : marks_.back(); }

  Result<PickleRef> pop() {
    if (stack_.size() <= base()) return fail("a pickle that takes a value from an empty stack");
    const PickleRef ref = stack_.back();
    stack_.pop_back();
    return ref;
  }
  Result<PickleRef> peek() {
    if (stack_.size() <= base()) return fail("a pickle that looks at an empty stack");
    return stack_.back();
  }
  Result<std::vector<PickleRef>> pop_to_mark() {
    if (marks_.empty()) return fail("a pickle that uses a mark it never set");
    std::vector<PickleRef> out(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return out;
  }

  template <class T>
  Result<std::string_view> sized_text() {
    SMLP_TRY(length, reader_.read<T>());
    return reader_.take_text(length);
  }

  template <class T>
  Result<std::uint64_t> number() {
    SMLP_TRY(value, reader_.read<T>());
    return value;
  }

  Result<std::uint64_t> decimal() {
    SMLP_TRY(line, reader_.take_line());
    std::uint64_t value = 0;
    const auto [end, code] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (code != std::errc{} || end != line.data() + line.size()) return fail("a memo index that is no number");
    return value;
  }

  Result<void> put(const Result<std::uint64_t>& index) {
    if (!index) return fail(index.error());
    const std::uint64_t key = *index;
    SMLP_TRY(value, peek());
    if (key >= kMaxValues) return fail("a pickle that stores value {}, more than any checkpoint has", key);
    if (key >= memo_.size()) {
      SMLP_CHECK(take<PickleRef>(key + 1 - memo_.size()));
      memo_.resize(key + 1, kNoPickleRef);
    }
    memo_count_ += memo_[key] == kNoPickleRef;
    memo_[key] = value;
    return {};
  }

  Result<void> get(const Result<std::uint64_t>& index) {
    if (!index) return fail(index.error());
    const std::uint64_t key = *index;
    if (key >= memo_.size() || memo_[key] == kNoPickleRef) {
      return fail("a pickle that refers to value {} which it never stored", key);
    }
    return push_ref(memo_[key]);
  }

  Result<void> push_long(Result<std::string_view> little_endian) {
    SMLP_TRY(bytes, std::move(little_endian));
    if (bytes.size() > 8) return push(PickleValue{.kind = Kind::big_integer, .text = bytes});
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    const auto unused = static_cast<int>(64 - 8 * bytes.size());
    if (unused == 64) return push_integer(0);
    return push_integer(static_cast<std::int64_t>(value << unused) >> unused);  // sign extension
  }

  template <class T>
  Result<void> push_number() {
    SMLP_TRY(value, reader_.read<T>());
    return push_integer(value);
  }

  Result<void> push_decimal() {
    SMLP_TRY(line, reader_.take_line());
    if (line == "00" || line == "01") return push_boolean(line == "01");
    if (line.ends_with('L')) line.remove_suffix(1);
    std::int64_t value = 0;
    const auto [end, code] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (code == std::errc::result_out_of_range) return push(PickleValue{.kind = Kind::big_integer, .text = line});
    if (code != std::errc{} || end != line.data() + line.size()) return fail("a pickle with a malformed integer");
    return push_integer(value);
  }

  Result<void> push_global(std::string_view module, std::string_view name) {
    const std::string_view known = find_inert_global(module, name);
    if (known.empty()) {
      return fail(
          Error{.what = fmt::format("refuses global '{}.{}'", shown(module), shown(name)),
                .remedy = "it could run code; save only the state dict with torch.save(model.state_dict(), ...)"});
    }
    return push(PickleValue{.kind = Kind::global, .text = known});
  }

  Result<void> push_global_lines() {
    SMLP_TRY(module, reader_.take_line());
    SMLP_TRY(name, reader_.take_line());
    return push_global(module, name);
  }

  Result<void> push_stack_global() {
    SMLP_TRY(name, pop());
    SMLP_TRY(module, pop());
    if (pickle_[name].kind != Kind::text || pickle_[module].kind != Kind::text) {
      return fail("a pickle that names a global by something else than text");
    }
    return push_global(pickle_[module].text, pickle_[name].text);
  }

  Result<void> push_collection(Kind kind, std::vector<PickleRef> items) {
    return push(PickleValue{.kind = kind, .items = std::move(items)});
  }

  Result<void> push_tuple(std::size_t count) {
    std::vector<PickleRef> items(count);
    for (std::size_t i = count; i-- > 0;) {
      SMLP_TRY(item, pop());
      items[i] = item;
    }
    return push_collection(Kind::tuple, std::move(items));
  }

  Result<void> push_marked(Kind kind) {
    SMLP_TRY(items, pop_to_mark());
    if (kind == Kind::dict && items.size() % 2 != 0) return fail("a pickle with a key that has no value");
    return push_collection(kind, std::move(items));
  }

  // list.append, list.extend, set.update, dict.update; dicts take pairs.
  Result<void> extend(std::span<const PickleRef> items, bool pairs) {
    SMLP_TRY(target, peek());
    PickleValue& value = pickle_.values[target];
    const bool is_dict = value.kind == Kind::dict;
    const bool is_sequence = value.kind == Kind::list || value.kind == Kind::set;
    if (pairs ? !is_dict : !is_sequence) return fail("a pickle that adds items to something that holds none");
    if (pairs && items.size() % 2 != 0) return fail("a pickle with a key that has no value");
    SMLP_CHECK(take<PickleRef>(items.size()));
    value.items.insert(value.items.end(), items.begin(), items.end());
    return {};
  }

  Result<void> extend_last(std::size_t count) {
    std::array<PickleRef, 2> items = {};
    for (std::size_t i = count; i-- > 0;) {
      SMLP_TRY(item, pop());
      items[i] = item;
    }
    return extend(std::span(items).first(count), count == 2);
  }

  Result<void> extend_marked(bool pairs) {
    SMLP_TRY(items, pop_to_mark());
    return extend(items, pairs);
  }

  // What the constructor of a dict type would take over from its first argument: a dict, or a sequence of pairs.
  Result<std::vector<PickleRef>> dict_items(PickleRef arguments) {
    std::vector<PickleRef> out;
    const PickleValue& tuple = pickle_[arguments];
    if (tuple.kind != Kind::tuple || tuple.items.empty()) return out;
    const PickleValue& first = pickle_[tuple.items.front()];
    SMLP_CHECK(charge(first.items.size()));
    SMLP_CHECK(take<PickleRef>(2 * first.items.size()));
    if (first.kind == Kind::dict) return first.items;
    if (first.kind != Kind::list && first.kind != Kind::tuple) return out;  // defaultdict's factory
    for (const PickleRef pair : first.items) {
      if (pickle_[pair].items.size() != 2) return fail("a pickle that builds a dict from something else than pairs");
      out.insert(out.end(), pickle_[pair].items.begin(), pickle_[pair].items.end());
    }
    return out;
  }

  Result<void> call(PickleRef callee, PickleRef arguments) {
    const PickleValue& function = pickle_[callee];
    if (function.kind != Kind::global) return fail("a pickle that calls something that is no global");
    if (!makes_dict(function.text)) return push_object(callee, arguments);
    SMLP_TRY(items, dict_items(arguments));
    return push_collection(Kind::dict, std::move(items));
  }

  Result<void> reduce() {
    SMLP_TRY(arguments, pop());
    SMLP_TRY(callee, pop());
    return call(callee, arguments);
  }

  // cls.__new__, which takes over nothing from its arguments where a dict's constructor does.
  Result<void> new_object() {
    SMLP_TRY(arguments, peek());
    if (stack_.size() > 1 && makes_dict(pickle_[stack_[stack_.size() - 2]].text) && !pickle_[arguments].items.empty()) {
      return fail(Error{.what = "a pickle that makes a dict in an unusual way",
                        .remedy = "load it with PyTorch, and save it with torch.save"});
    }
    return reduce();
  }

  Result<void> new_object_with_keywords() {
    SMLP_CHECK(pop());
    return reduce();
  }

  // INST: the class is named in the opcode. OBJ: it is the first value above the mark.
  Result<void> instantiate(bool named) {
    if (named) {
      SMLP_CHECK(push_global_lines());
    }
    SMLP_TRY(items, pop_to_mark());
    if (items.empty()) return fail("a pickle that calls nothing");
    const auto callee = named ? items.end() - 1 : items.begin();
    const PickleRef function = *callee;
    items.erase(callee);
    SMLP_CHECK(push_collection(Kind::tuple, std::move(items)));
    SMLP_TRY(arguments, pop());
    return call(function, arguments);
  }

  Result<void> build() {
    SMLP_TRY(state, pop());
    SMLP_TRY(target, peek());
    if (pickle_[target].kind != Kind::object) return {};
    if (is_tensor_call(pickle_[pickle_[target].items[0]].text)) {
      return fail(Error{.what = "a pickle that changes a tensor after it made it",
                        .remedy = "load it with PyTorch, and save it with torch.save"});
    }
    pickle_.values[target].state = state;
    return {};
  }

  Result<void> push_persistent() {
    SMLP_TRY(id, pop());
    return push_collection(Kind::persistent, {id});
  }

  Result<void> push_persistent_line() {
    SMLP_CHECK(push_text(Kind::text, reader_.take_line()));
    return push_persistent();
  }

  // Protocol 0's repr() of a string; escapes stay as they are, no key of ours has any.
  Result<void> push_quoted() {
    SMLP_TRY(line, reader_.take_line());
    if (line.size() < 2 || line.front() != line.back() || (line.front() != '\'' && line.front() != '"')) {
      return fail("a pickle with a malformed string");
    }
    return push(PickleValue{.kind = Kind::text, .text = line.substr(1, line.size() - 2)});
  }

  Result<void> pop_or_unmark() {
    if (stack_.size() > base()) return stack_.pop_back(), Result<void>{};
    if (marks_.empty()) return fail("a pickle that takes a value from an empty stack");
    marks_.pop_back();
    return {};
  }

  Result<void> push_mark() {
    SMLP_CHECK(take<std::size_t>(1));
    marks_.push_back(stack_.size());
    return {};
  }

  Result<void> drop_to_mark() {
    SMLP_CHECK(pop_to_mark());
    return {};
  }

  Result<void> duplicate() {
    SMLP_TRY(top, peek());
    return push_ref(top);
  }

  Result<void> skip(std::size_t count) {
    SMLP_CHECK(reader_.take(count));
    return {};
  }

  Result<void> protocol() {
    SMLP_TRY(version, reader_.read<std::uint8_t>());
    if (version > 5) return fail("pickle protocol {}; 5 is the newest known", version);
    return {};
  }

  // Names and layouts: Lib/pickletools.py of CPython.
  Result<void> step(unsigned char opcode) {
    switch (opcode) {
      case 0x80:
        return protocol();
      case 0x95:
        return skip(8);  // FRAME: a hint for buffering
      case '(':
        return push_mark();
      case '0':
        return pop_or_unmark();
      case '1':
        return drop_to_mark();
      case '2':
        return duplicate();

      case 'N':
        return push(Kind::none);
      case 0x88:
        return push_boolean(true);
      case 0x89:
        return push_boolean(false);
      case 'I':
      case 'L':
        return push_decimal();
      case 'J':
        return push_number<std::int32_t>();
      case 'K':
        return push_number<std::uint8_t>();
      case 'M':
        return push_number<std::uint16_t>();
      case 0x8a:
        return push_long(sized_text<std::uint8_t>());
      case 0x8b:
        return push_long(sized_text<std::uint32_t>());
      case 'F':
        return push_text(Kind::real, reader_.take_line());
      case 'G':
        return push_text(Kind::real, reader_.take_text(8));

      case 'S':
        return push_quoted();
      case 'T':
        return push_text(Kind::text, sized_text<std::uint32_t>());
      case 'U':
        return push_text(Kind::text, sized_text<std::uint8_t>());
      case 'V':
        return push_text(Kind::text, reader_.take_line());
      case 'X':
        return push_text(Kind::text, sized_text<std::uint32_t>());
      case 0x8c:
        return push_text(Kind::text, sized_text<std::uint8_t>());
      case 0x8d:
        return push_text(Kind::text, sized_text<std::uint64_t>());
      case 'B':
        return push_text(Kind::bytes, sized_text<std::uint32_t>());
      case 'C':
        return push_text(Kind::bytes, sized_text<std::uint8_t>());
      case 0x8e:
      case 0x96:
        return push_text(Kind::bytes, sized_text<std::uint64_t>());

      case ')':
        return push(Kind::tuple);
      case 't':
        return push_marked(Kind::tuple);
      case 0x85:
        return push_tuple(1);
      case 0x86:
        return push_tuple(2);
      case 0x87:
        return push_tuple(3);
      case ']':
        return push(Kind::list);
      case 'l':
        return push_marked(Kind::list);
      case '}':
        return push(Kind::dict);
      case 'd':
        return push_marked(Kind::dict);
      case 0x8f:
        return push(Kind::set);
      case 0x91:
        return push_marked(Kind::set);
      case 'a':
        return extend_last(1);
      case 's':
        return extend_last(2);
      case 'e':
      case 0x90:
        return extend_marked(false);
      case 'u':
        return extend_marked(true);

      case 'p':
        return put(decimal());
      case 'q':
        return put(number<std::uint8_t>());
      case 'r':
        return put(number<std::uint32_t>());
      case 0x94:
        return put(memo_count_);
      case 'g':
        return get(decimal());
      case 'h':
        return get(number<std::uint8_t>());
      case 'j':
        return get(number<std::uint32_t>());

      case 'c':
        return push_global_lines();
      case 0x93:
        return push_stack_global();
      case 'R':
        return reduce();
      case 0x81:
        return new_object();
      case 0x92:
        return new_object_with_keywords();
      case 'i':
        return instantiate(true);
      case 'o':
        return instantiate(false);
      case 'b':
        return build();
      case 'P':
        return push_persistent_line();
      case 'Q':
        return push_persistent();

      case 0x82:
      case 0x83:
      case 0x84:
        return fail("refuses an extension code (a global by number)");
      case 0x97:
      case 0x98:
        return fail("refuses a buffer outside of the pickle");
      default:
        return fail("no pickle opcode has the value 0x{:02x}", opcode);
    }
  }

  ByteReader& reader_;
  Budget budget_;
  Pickle pickle_;
  std::vector<PickleRef> stack_;
  std::vector<std::size_t> marks_;
  std::vector<PickleRef> memo_;
  std::size_t memo_count_ = 0;
  std::size_t work_ = 0;
};

}  // namespace

const PickleValue* Pickle::find(const PickleValue& dict, std::string_view key) const {
  if (dict.kind != PickleKind::dict) return nullptr;
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& candidate = values[dict.items[i]];
    if (candidate.kind == PickleKind::text && candidate.text == key) return &values[dict.items[i + 1]];
  }
  return nullptr;
}

Result<Pickle> read_pickle(ByteReader& reader) { return Interpreter(reader).run(); }

}  // namespace smlp
