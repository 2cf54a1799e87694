// The hot path.
#pragma once

#include "base/thread_pool.h"
#include "engine/engine.h"
#include "engine/pack.h"
#include "engine/plan.h"
#include "kernels/kernels.h"

namespace smlp {

// One of the threads that share a pass; a pass by one thread alone has a team of one.
struct Team {
  int member, size;
  Barrier* barrier;

  // Calls step(unit) for this member's share of the units; returns when every member is done with its own.
  template <class Step>
  void each(const Units& units, Step step) const {
    const int count = units.count();
    for (int i = count * member / size; i < count * (member + 1) / size; ++i) step(units[i]);
    barrier->wait();
  }
};

// Everything a pass reads, and the memory it writes.
struct Pass {
  const kernels::Kernels& kernels;
  const PackedNetwork& network;
  const Plan& plan;
  Workspace& memory;
  const Observer* observer;  // null on the hot path
};

// pictures: count x in_channels x image x image, count <= plan.images; logits: count x classes.
// Called by every member of the team with the same arguments.
void forward(const Pass& pass, const Team& team, const float* pictures, int count, float* logits);

}  // namespace smlp
