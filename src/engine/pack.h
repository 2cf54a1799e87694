// A network's weights in the layout of one kernel table.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/kernels.h"
#include "model/network.h"

namespace smlp {

struct PackedNetwork {
  Config config;
  std::vector<kernels::Matrix> stems;
  std::vector<kernels::Block> blocks;
  kernels::Matrix head = {};
  std::vector<AlignedBuffer> storage;  // what the pointers above point into

  std::size_t bytes() const;
  kernels::Shape shape(int stage) const;
};

PackedNetwork pack(const Network& network, const kernels::Kernels& table);

}  // namespace smlp
