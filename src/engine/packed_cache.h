// One set of packed weights for all engines of a network and a kernel table.
#pragma once

#include <memory>

#include "engine/pack.h"

namespace smlp {

// The weights that an engine of the same network object and table already has, or newly packed ones; they live as long
// as somebody holds them. Any number of threads may ask; who asks while another packs the same waits for it.
std::shared_ptr<const PackedNetwork> shared_packed(const std::shared_ptr<const Network>& network,
                                                   const kernels::Kernels& table, ThreadPool& pool);

}  // namespace smlp
