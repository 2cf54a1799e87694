// Python's pickle as data: an interpreter of its opcodes (protocols 0 to 5) that builds a tree of values and executes
// nothing. A call (REDUCE, NEWOBJ, INST, OBJ) becomes an `object`: the name of what would be called, and its arguments.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include "base/byte_reader.h"

namespace smlp {

enum class PickleKind : std::uint8_t {
  none,
  boolean,
  integer,
  big_integer,
  real,
  text,
  bytes,
  tuple,
  list,
  set,
  dict,
  global,
  object,
  persistent
};

using PickleRef = std::uint32_t;  // index into Pickle::values
inline constexpr PickleRef kNoPickleRef = ~PickleRef{0};

struct PickleValue {
  PickleKind kind = PickleKind::none;
  PickleRef state = kNoPickleRef;  // object: what BUILD gave it
  std::int64_t integer = 0;        // integer, boolean
  // text, bytes: a view of the file. global: its "module.name". big_integer: little-endian bytes, or decimal digits.
  std::string_view text = {};
  // tuple, list, set: the elements. dict: key, value, key, value... object: callee, arguments. persistent: the id.
  std::vector<PickleRef> items = {};
};

// Values refer to each other by index and may form cycles. Texts point into the bytes that were read.
struct Pickle {
  std::deque<PickleValue> values;  // no move of all while they grow, which would take three times their memory
  PickleRef root = kNoPickleRef;
  std::uint64_t bytes = 0;  // that it was read from

  const PickleValue& operator[](PickleRef ref) const { return values[ref]; }
  const PickleValue& top() const { return values[root]; }
  // The value of a text key of a dict; null where there is none.
  const PickleValue* find(const PickleValue& dict, std::string_view key) const;
};

// Reads one pickle, up to and including its STOP. Refuses names that pickle_globals does not list, and more values than
// any checkpoint has, or than its bytes account for, with the byte offset of the opcode.
Result<Pickle> read_pickle(ByteReader& reader);

}  // namespace smlp
