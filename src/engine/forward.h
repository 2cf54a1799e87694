// The hot path.
#pragma once

#include "engine/engine.h"
#include "engine/pack.h"
#include "engine/plan.h"
#include "engine/team.h"
#include "kernels/kernels.h"

namespace smlp {

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
