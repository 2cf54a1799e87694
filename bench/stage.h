// One stage of a network in the memory of one kernel table: the buffers, units and weights that forward() would hand
// its steps, with random numbers in them.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.h"
#include "engine/pack.h"
#include "engine/plan.h"
#include "kernels/kernels.h"

namespace smlp::bench {

// `first` is the patch embedding in the first stage and downsampling in the others.
enum class Step { first, local, mix, fuse, channel_mix, head, pack };
inline constexpr std::array kSteps = {Step::first,       Step::local, Step::mix, Step::fuse,
                                      Step::channel_mix, Step::head,  Step::pack};

bool has_step(const Config& config, int stage, Step step);
std::string_view step_name(int stage, Step step);  // "downsample"

// Multiply-accumulates of `step` on one pixel of its stage; of the head: on one picture.
double macs(const Config& config, int stage, Step step);

// Copies of the weights that one step reads, one after the other.
struct Copies {
  AlignedBuffer memory;
  std::vector<kernels::Block> blocks;     // of local, mix, fuse and channel_mix
  std::vector<kernels::Matrix> matrices;  // of first and head
  std::size_t count() const { return blocks.size() + matrices.size(); }
};

class Stage {
 public:
  // A pass of `images` pictures by one thread.
  Stage(const kernels::Kernels& table, const Config& config, int stage, int images, GeluPrecision gelu);

  // Activations as at first: steps that add to the stream let it grow.
  void refill();

  const std::vector<kernels::Unit>& units(Step step) const;  // the calls of one chunk
  double macs(Step step, kernels::Unit unit) const;
  // Bytes that must be read and written at least: weights, pictures or activations, results.
  double bytes(Step step, kernels::Unit unit) const;
  std::size_t weight_bytes(Step step) const;

  Copies copies(Step step, std::size_t count) const;
  void call(Step step, const Copies& weights, std::size_t copy, kernels::Unit unit);

 private:
  void fill_stream(const kernels::Shape& shape, int images, void* x);
  void pack_block();

  const kernels::Kernels& table_;
  const Config config_;
  const int stage_;
  Network network_;  // the stage's weights alone: its stem or downsampling, one block, the head
  PackedNetwork packed_;
  StagePlan plan_;
  kernels::Shape finer_ = {};  // the previous stage's
  std::vector<float> pictures_, logits_;
  AlignedBuffer from_, x_, g_, along_width_, along_height_, scratch_, repacked_;
  std::vector<kernels::Unit> units_, first_units_, head_units_;
  std::size_t block_floats_ = 0;
};

}  // namespace smlp::bench
