// Errors as values: every fallible function of the library returns Result<T>; nothing throws, prints or exits.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include "smlp/export.h"

namespace smlp {

// What went wrong, where, and what to do about it. Only `what` is always set.
struct SMLP_API Error {
  std::string what = {};                     //  "checkpoint has no tensor of this name"
  std::string file = {};                     // path as the caller gave it
  std::optional<std::uint64_t> offset = {};  // byte offset in the file
  std::string tensor = {};                   // tensor name
  std::string remedy = {};                   // "convert it with ..."
  bool transient = false;                    // memory, descriptors or a disk failed; the input may be sound

  // One line: `FILE: tensor 'NAME': WHAT (at byte N); REMEDY`, leaving out what is not known.
  std::string message() const;

  // Each fills in one part and returns the error, so that inner code says what and outer code says where.
  // A part that is already known is kept: the innermost code knows best.
  Error&& in(std::string path) &&;
  Error&& at(std::uint64_t byte_offset) &&;
  Error&& of_tensor(std::string name) &&;
  Error&& fix(std::string advice) &&;
};

template <class T>
using Result = std::expected<T, Error>;

}  // namespace smlp
