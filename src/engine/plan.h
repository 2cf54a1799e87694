// How a pass over some pictures is cut up: pictures per chunk, units of work per step, bytes of workspace.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "engine/pack.h"
#include "kernels/kernels.h"

namespace smlp {

// The units of one step over `images` pictures: strips of whole rows, or, where pictures are small, whole pictures.
struct Units {
  int images, size;            // pictures, and rows of each
  int unit_images, unit_rows;  // unit_images > 1 only with unit_rows == size

  int strips() const { return (size + unit_rows - 1) / unit_rows; }
  int count() const { return (images + unit_images - 1) / unit_images * strips(); }
  kernels::Unit operator[](int index) const {
    const int image = index / strips() * unit_images, row = index % strips() * unit_rows;
    return {.image = image,
            .images = image + unit_images < images ? unit_images : images - image,
            .row = row,
            .rows = row + unit_rows < size ? unit_rows : size - row};
  }
};

struct StagePlan {
  kernels::Shape shape;
  int first_block, blocks;
  int chunk;      // pictures that go through the stage's blocks together: enough to reuse weights, few enough for cache
  int unit_rows;  // rows of a unit
  int unit_images;

  Units units(int images) const { return {images, shape.size, unit_images, unit_rows}; }
  int unit_pixels() const { return unit_images * unit_rows * shape.size; }
};

struct Plan {
  std::vector<StagePlan> stages;
  int images;   // the most one pass takes
  int members;  // threads that share one pass

  // A pass of up to `images` pictures by `members` threads together.
  static Plan make(const PackedNetwork& network, const kernels::Kernels& table, int images, int members);
};

// Memory of one pass. Streams and g are shared by the pass's threads, the rest is each thread's own.
struct Workspace {
  struct Member {
    AlignedBuffer along_width, along_height, scratch;
  };
  std::vector<AlignedBuffer> streams;  // per stage: x of all the pass's pictures (stage 0: of one chunk)
  AlignedBuffer local;                 // g of one chunk
  std::vector<Member> members;

  static Workspace make(const Plan& plan, const PackedNetwork& network, const kernels::Kernels& table);
  std::size_t bytes() const;
};

}  // namespace smlp
