// A network's weights in the layout of one kernel table.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "model/network.h"

namespace smlp {

struct PackedNetwork {
  Config config;
  std::vector<kernels::Matrix> stems;
  std::vector<kernels::Block> blocks;
  kernels::Matrix head = {};
  AlignedBuffer storage;  // what the pointers above point into

  kernels::Shape shape(int stage) const;
};

// `pool` shares the work.
PackedNetwork pack(const Network& network, const kernels::Kernels& table, ThreadPool& pool);

}  // namespace smlp
