#include "engine/measure.h"

#include <array>

namespace smlp {
namespace {

thread_local const Measuring* measuring_of_thread = nullptr;

void count(void* histogram, const float* values, int rows, int columns, std::size_t stride) {
  for (int r = 0; r < rows; ++r, values += stride) {
    static_cast<Histogram*>(histogram)->add({values, static_cast<std::size_t>(columns)});
  }
}

}  // namespace

Measurement::Measurement(int threads, int blocks)
    : threads_(threads),
      blocks_(blocks),
      counted_(static_cast<std::size_t>(threads) * static_cast<std::size_t>(blocks * kSegments)) {}

Histogram Measurement::sum(int block, int segment) const {
  Histogram total;
  for (int thread = 0; thread < threads_; ++thread) total.add(counted_[index(thread, block, segment)]);
  return total;
}

Measuring::Measuring(Measurement& measurement, int worker, const kernels::Kernels& table, const PackedNetwork& network)
    : measurement_(measurement), worker_(worker), table_(table), network_(network) {
  measuring_of_thread = this;
}
Measuring::~Measuring() { measuring_of_thread = nullptr; }

// Calls `call` with the table and a copy of the block whose products show what they read.
template <class Call>
void Measuring::show(const kernels::Block& block, Call call) {
  const Measuring& own = *measuring_of_thread;
  const int index = static_cast<int>(&block - own.network_.blocks.data());
  std::array<kernels::Tap, Measurement::kSegments> taps;
  for (int s = 0; s < Measurement::kSegments; ++s) {
    taps[static_cast<std::size_t>(s)] = {count, &own.measurement_.of(own.worker_, index, s)};
  }
  kernels::Block shown = block;
  shown.fuse.taps = taps.data();
  shown.fc1.taps = taps.data() + 3;
  shown.fc2.taps = taps.data() + 4;
  call(own.table_, shown);
}

void Measuring::fuse(const kernels::Block& block, const kernels::Shape& shape, const void* g, const void* along_width,
                     const void* along_height, kernels::Unit unit, void* x) {
  show(block, [&](const kernels::Kernels& table, const kernels::Block& shown) {
    table.fuse(shown, shape, g, along_width, along_height, unit, x);
  });
}

void Measuring::channel_mix(const kernels::Block& block, const kernels::Shape& shape, kernels::Unit unit, void* x,
                            void* scratch) {
  show(block, [&](const kernels::Kernels& table, const kernels::Block& shown) {
    table.channel_mix(shown, shape, unit, x, scratch);
  });
}

kernels::Kernels measuring_table(const kernels::Kernels& table) {
  kernels::Kernels showing = table;
  showing.fuse = Measuring::fuse;
  showing.channel_mix = Measuring::channel_mix;
  return showing;
}

}  // namespace smlp
