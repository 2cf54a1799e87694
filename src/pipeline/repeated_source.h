// The same prepared picture again and again, for warming up and for timings without inputs.
#pragma once

#include <span>

#include "pipeline/source.h"

namespace smlp {

class RepeatedSource final : public Source {
 public:
  // `picture` must outlive it.
  RepeatedSource(std::span<const float> picture, std::size_t count) : picture_(picture), count_(count) {}

  std::size_t size() const override { return count_; }
  Result<Reading> read(std::size_t, Room&) override { return Reading{picture_, nullptr}; }
  bool waits() const override { return false; }

 private:
  std::span<const float> picture_;
  std::size_t count_;
};

}  // namespace smlp
