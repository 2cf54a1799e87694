// Where a pass gets its pictures from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>

#include "base/result.h"
#include "smlp/image.h"

namespace smlp {

// What a source hands over for one picture: the bytes of a JPEG or PNG file, decoded pixels, or a prepared picture
// (float32 CHW).
using Material = std::variant<std::span<const std::byte>, RgbView, std::span<const float>>;

struct Reading {
  Material material;
  std::shared_ptr<const void> owner;  // keeps alive what `material` points into; null where somebody else does
};

// The memory that a pass grants to what was read and is not decoded yet.
class Room {
 public:
  virtual ~Room() = default;
  // Waits until there is room for `bytes` more; the first picture in order never waits. False: the pass has ended, so
  // that read() should return any error.
  virtual bool take(std::uint64_t bytes) = 0;
};

class Source {
 public:
  virtual ~Source() = default;

  virtual std::size_t size() const = 0;  // pictures, when the pass begins

  // A source that grows is asked for more() while the pass has work, each time that all its pictures are read or being
  // read: how many have come since, which get the next numbers. The pass ends when all are done and none has come.
  virtual bool grows() const { return false; }
  virtual std::size_t more() { return 0; }
  // `wake` may be called from any thread when more() would have something, until it is replaced by none.
  virtual void set_wake(const std::function<void()>& /*wake*/) {}

  // Called once for each index, from several threads at a time, roughly in order. May wait (for a disk, a network) and
  // should compute little. Takes room for the bytes that it is about to allocate. What it returns as an error, or
  // throws, becomes the answer of that picture alone.
  virtual Result<Reading> read(std::size_t index, Room& room) = 0;

  // Work on what was read (a hash, for one), on a core of its own, before it is decoded.
  virtual void examine(std::size_t /*index*/, const Reading& /*reading*/) {}

  // False: read() never waits, and no thread is needed for it. Asked at the beginning and after more().
  virtual bool waits() const { return true; }

  // What errors of this picture are said to be in: a path; empty where it has no name.
  virtual std::string name(std::size_t /*index*/) const { return {}; }
};

}  // namespace smlp
