// The network, top to bottom. Pictures flow in chunks through a stage's blocks, each step in units that the team
// shares; a step's result is whole, for all members, when `each` returns.

#include "engine/forward.h"

#include <algorithm>

#include "engine/observe.h"

namespace smlp {
namespace {

// x += fuse(concat[g, mixW(g), mixH(g)]), g = GELU(BN2(DW3x3(GELU(BN1(x)))));  then  x += FC2(GELU(FC1(LayerNorm(x))))
void run_block(const Pass& pass, const Team& team, const StagePlan& stage, int b, int images, void* x) {
  const kernels::Kernels& k = pass.kernels;
  const kernels::Block& block = pass.network.blocks[static_cast<std::size_t>(b)];
  Workspace::Member& own = pass.memory.members[static_cast<std::size_t>(team.member)];
  void *g = pass.memory.local.data(), *scratch = own.scratch.data();
  void *along_width = own.along_width.data(), *along_height = own.along_height.data();

  team.each(stage.units(images), [&](kernels::Unit unit) { k.local(block, stage.shape, x, unit, g, scratch); });
  team.each(stage.units(images), [&](kernels::Unit unit) {
    k.mix(block, stage.shape, g, unit, along_width, along_height);
    k.fuse(block, stage.shape, g, along_width, along_height, unit, x);
    observe(pass, "token_mix", b, stage.shape, x);
    k.channel_mix(block, stage.shape, unit, x, scratch);
    observe(pass, "channel_mix", b, stage.shape, x);
  });
}

}  // namespace

void forward(const Pass& pass, const Team& team, const float* pictures, int count, float* logits) {
  const kernels::Kernels& k = pass.kernels;
  const Config& config = pass.network.config;
  void* scratch = pass.memory.members[static_cast<std::size_t>(team.member)].scratch.data();

  for (std::size_t s = 0; s < pass.plan.stages.size(); ++s) {
    const StagePlan& stage = pass.plan.stages[s];
    const bool is_first = s == 0, is_last = s + 1 == pass.plan.stages.size();
    for (int first = 0; first < count; first += stage.chunk) {
      const int images = std::min(stage.chunk, count - first);
      std::byte* x = pass.memory.streams[s].data() + (is_first ? 0 : k.stream_bytes(first, stage.shape));
      if (is_first) {
        const float* from = pictures + static_cast<std::size_t>(first) * config.picture_floats();
        team.each(stage.units(images), [&](kernels::Unit unit) {
          k.stem(pass.network.stems[0], stage.shape, config.in_channels, config.patch, from, unit, x, scratch);
        });
        observe(pass, "stem", 0, stage.shape, x);
      }
      for (int b = 0; b < stage.blocks; ++b) run_block(pass, team, stage, stage.first_block + b, images, x);
      if (is_last) {
        team.each({images, 1, 1, 1}, [&](kernels::Unit unit) {
          float* to = logits + static_cast<std::size_t>(first + unit.image) * static_cast<std::size_t>(config.classes);
          k.head(pass.network.head, stage.shape, x, unit.image, to, scratch);
        });
        continue;
      }
      const StagePlan& next = pass.plan.stages[s + 1];
      std::byte* to = pass.memory.streams[s + 1].data() + k.stream_bytes(first, next.shape);
      team.each(next.units(images), [&](kernels::Unit unit) {
        k.downsample(pass.network.stems[s + 1], stage.shape, x, next.shape, unit, to, scratch);
      });
      observe(pass, "stem", static_cast<int>(s) + 1, next.shape, to);
    }
  }
}

}  // namespace smlp
