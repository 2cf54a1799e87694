// Counts what the products of every block read. As for profiles, the engine runs another table that shows it;
// forward.cc knows nothing of it.
#pragma once

#include <vector>

#include "engine/histogram.h"
#include "engine/pack.h"

namespace smlp {

// The inputs of each block's products, counted by each thread for itself.
class Measurement {
 public:
  static constexpr int kSegments = 5;  // fuse's three, fc1's and fc2's

  Measurement(int threads, int blocks);

  Histogram& of(int thread, int block, int segment) { return counted_[index(thread, block, segment)]; }
  int blocks() const { return blocks_; }

  // What all threads have counted. segment: 0 to 2 of fuse, 3 of fc1, 4 of fc2.
  Histogram sum(int block, int segment) const;

 private:
  std::size_t index(int thread, int block, int segment) const {
    const int place = (thread * blocks_ + block) * kSegments + segment;
    return static_cast<std::size_t>(place);
  }
  int threads_, blocks_;
  std::vector<Histogram> counted_;
};

// While it lives, what this thread runs through measuring_table() is counted as thread `worker`'s.
class Measuring {
 public:
  Measuring(Measurement& measurement, int worker, const kernels::Kernels& table, const PackedNetwork& network);
  ~Measuring();
  Measuring(const Measuring&) = delete;
  Measuring& operator=(const Measuring&) = delete;

 private:
  friend kernels::Kernels measuring_table(const kernels::Kernels& table);
  static void fuse(const kernels::Block& block, const kernels::Shape& shape, const void* g, const void* along_width,
                   const void* along_height, kernels::Unit unit, void* x);
  static void channel_mix(const kernels::Block& block, const kernels::Shape& shape, kernels::Unit unit, void* x,
                          void* scratch);
  template <class Call>
  static void show(const kernels::Block& block, Call call);

  Measurement& measurement_;
  int worker_;
  const kernels::Kernels& table_;
  const PackedNetwork& network_;
};

// `table`, of fp32, with the inputs of fuse, fc1 and fc2 counted.
kernels::Kernels measuring_table(const kernels::Kernels& table);

}  // namespace smlp
