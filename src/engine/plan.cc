#include "engine/plan.h"

#include <algorithm>

namespace smlp {
namespace {

int divide_up(int value, int by) { return (value + by - 1) / by; }

}  // namespace

Plan Plan::make(const PackedNetwork& network, const kernels::Kernels& table, int images, int members) {
  Plan plan{.stages = {}, .images = images, .members = members};
  int first_block = 0;
  for (int s = 0; s < network.config.stages(); ++s) {
    const kernels::Shape shape = network.shape(s);
    StagePlan stage{.shape = shape,
                    .first_block = first_block,
                    .blocks = network.config.depths[static_cast<std::size_t>(s)],
                    .chunk = 1,
                    .unit_rows = shape.size,
                    .unit_images = 1};
    stage.chunk = std::clamp(table.chunk_pixels / shape.pixels(), 1, images);
    // As many rows as a unit should have, but as many units for one member as for another, of nearly equal height.
    const int share = divide_up(stage.chunk * shape.size, members);
    const int rows = std::clamp(table.unit_pixels / shape.size, 1, share);
    if (rows >= shape.size) {
      stage.unit_images = rows / shape.size;
    } else {
      int strips = divide_up(shape.size, rows);
      while (strips < shape.size && stage.chunk * strips % members != 0) ++strips;
      stage.unit_rows = divide_up(shape.size, strips);
    }
    first_block += stage.blocks;
    plan.stages.push_back(stage);
  }
  return plan;
}

Workspace Workspace::make(const Plan& plan, const PackedNetwork& network, const kernels::Kernels& table) {
  Workspace memory;
  std::size_t local = 0, mixed = 0, scratch = 0;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const StagePlan& stage = plan.stages[s];
    const int held = s == 0 ? stage.chunk : plan.images;
    memory.streams.emplace_back(table.stream_bytes(held, stage.shape));
    local = std::max(local, table.local_bytes(stage.chunk, stage.shape));
    mixed = std::max(mixed, table.mixed_bytes(stage.unit_pixels(), stage.shape));
    scratch = std::max(scratch, table.scratch_bytes(stage.shape, network.stems[s].inputs));
  }
  memory.local = AlignedBuffer(local);
  for (int m = 0; m < plan.members; ++m) {
    memory.members.push_back({AlignedBuffer(mixed), AlignedBuffer(mixed), AlignedBuffer(scratch)});
  }
  return memory;
}

std::size_t Workspace::bytes() const {
  std::size_t sum = local.size();
  for (const AlignedBuffer& stream : streams) sum += stream.size();
  for (const Member& m : members) sum += m.along_width.size() + m.along_height.size() + m.scratch.size();
  return sum;
}

}  // namespace smlp
