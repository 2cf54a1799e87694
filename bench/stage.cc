#include "bench/stage.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

namespace smlp::bench {
namespace {

constexpr int kFuseSegments = 3, kTaps = 9, kDownsampling = 4;
constexpr int kFillInputs = 16;

class Random {
 public:
  std::vector<float> floats(std::size_t count, float scale, float center = 0) {
    std::uniform_real_distribution<float> spread(center - scale, center + scale);
    std::vector<float> out(count);
    std::ranges::generate(out, [&] { return spread(engine_); });
    return out;
  }

  // Outputs as large as the inputs.
  Dense dense(int outputs, int inputs, bool has_bias = true) {
    const float scale = std::sqrt(3.0F / static_cast<float>(inputs));
    return {outputs, inputs, floats(static_cast<std::size_t>(outputs) * static_cast<std::size_t>(inputs), scale),
            has_bias ? floats(static_cast<std::size_t>(outputs), 0.1F) : std::vector<float>()};
  }

 private:
  std::minstd_rand engine_{2109};
};

Network random_stage(const Config& config, int stage, GeluPrecision gelu) {
  Random random;
  const int c = config.channels(stage), h = config.grid(stage), hidden = config.hidden(stage);
  const auto channels = static_cast<std::size_t>(c);
  Network network;
  network.config = config;
  network.head = random.dense(config.classes, config.features());
  network.gelu = gelu;
  network.stems.push_back(random.dense(config.channels(0), config.in_channels * config.patch * config.patch, false));
  if (stage > 0) network.stems.push_back(random.dense(c, kDownsampling * config.channels(stage - 1), false));
  network.blocks.push_back({.pre = {random.floats(channels, 0.2F, 1), random.floats(channels, 0.2F)},
                            .depthwise = random.dense(c, kTaps),
                            .mix_width = random.dense(h, h),
                            .mix_height = random.dense(h, h),
                            .fuse = random.dense(c, kFuseSegments * c, false),
                            .norm_epsilon = 1e-5F,
                            .fc1 = random.dense(hidden, c),
                            .fc2 = random.dense(c, hidden)});
  return network;
}

PackedNetwork pack_alone(const Network& network, const kernels::Kernels& table) {
  ThreadPool alone(1);
  return pack(network, table, alone);
}

std::vector<kernels::Unit> all(const Units& units) {
  std::vector<kernels::Unit> out;
  for (int i = 0; i < units.count(); ++i) out.push_back(units[i]);
  return out;
}

// Copies packed arrays, each with the padding that the engine gives it. Without memory to copy to, it only counts.
class Copier {
 public:
  Copier(const kernels::Kernels& table, std::byte* to) : table_(table), to_(to) {}

  const float* floats(const float* from, int count) {
    if (from == nullptr) return nullptr;
    return static_cast<const float*>(bytes(from, sizeof(float) * static_cast<std::size_t>(count)));
  }
  kernels::Matrix dense(const kernels::Matrix& from, int segments) {
    const void* weight = bytes(from.weight, table_.packed_bytes(from.outputs, segments, from.inputs / segments));
    return {weight, floats(from.bias, from.outputs), from.outputs, from.inputs};
  }
  kernels::Matrix mixing(const kernels::Matrix& from) {
    const void* weight = bytes(from.weight, table_.packed_mix_bytes(from.outputs));
    return {weight, floats(from.bias, from.outputs), from.outputs, from.inputs};
  }
  std::size_t used() const { return used_; }

 private:
  const void* bytes(const void* from, std::size_t count) {
    const std::size_t at = used_;
    used_ += (count + 63) / 64 * 64 + 64;
    return to_ == nullptr ? nullptr : std::memcpy(to_ + at, from, count);
  }

  const kernels::Kernels& table_;
  std::byte* to_;
  std::size_t used_ = 0;
};

void add_copy(const PackedNetwork& from, int stage, Step step, Copier& copier, Copies& to) {
  kernels::Block block = from.blocks[0];
  const int channels = block.fuse.outputs;
  switch (step) {
    case Step::first:
      to.matrices.push_back(copier.dense(from.stems.back(), stage == 0 ? 1 : kDownsampling));
      return;
    case Step::head:
      to.matrices.push_back(copier.dense(from.head, 1));
      return;
    case Step::local:
      block.pre_scale = copier.floats(block.pre_scale, channels);
      block.pre_shift = copier.floats(block.pre_shift, channels);
      block.depthwise = copier.floats(block.depthwise, kTaps * channels);
      block.depthwise_bias = copier.floats(block.depthwise_bias, channels);
      break;
    case Step::mix:
      block.mix_width = copier.mixing(block.mix_width);
      block.mix_height = copier.mixing(block.mix_height);
      break;
    case Step::fuse:
      block.fuse = copier.dense(block.fuse, kFuseSegments);
      break;
    case Step::channel_mix:
      block.fc1 = copier.dense(block.fc1, 1);
      block.fc2 = copier.dense(block.fc2, 1);
      break;
    case Step::pack:
      break;
  }
  to.blocks.push_back(block);
}

}  // namespace

bool has_step(const Config& config, int stage, Step step) { return step != Step::head || stage + 1 == config.stages(); }

std::string_view step_name(int stage, Step step) {
  switch (step) {
    case Step::first:
      return stage == 0 ? "stem" : "downsample";
    case Step::local:
      return "local";
    case Step::mix:
      return "mix";
    case Step::fuse:
      return "fuse";
    case Step::channel_mix:
      return "channel_mix";
    case Step::head:
      return "head";
    case Step::pack:
      return "pack";
  }
  return "";
}

double macs(const Config& config, int stage, Step step) {
  const double c = config.channels(stage), k = config.stem_kernel(stage);
  switch (step) {
    case Step::first:
      return c * config.stem_inputs(stage) * k * k;
    case Step::local:
      return kTaps * c;
    case Step::mix:
      return 2 * c * config.grid(stage);
    case Step::fuse:
      return kFuseSegments * c * c;
    case Step::channel_mix:
      return 2 * c * config.hidden(stage);
    case Step::head:
      return c * config.classes;
    case Step::pack:
      return 0;
  }
  return 0;
}

Stage::Stage(const kernels::Kernels& table, const Config& config, int stage, int images, GeluPrecision gelu)
    : table_(table),
      config_(config),
      stage_(stage),
      network_(random_stage(config, stage, gelu)),
      packed_(pack_alone(network_, table)) {
  const Plan plan = Plan::make(packed_, table, images, 1);
  plan_ = plan.stages[static_cast<std::size_t>(stage)];
  const kernels::Shape& shape = plan_.shape;
  scratch_ = AlignedBuffer(table.scratch_bytes(shape, std::max(kFillInputs, packed_.stems.back().inputs)));
  x_ = AlignedBuffer(table.stream_bytes(plan_.chunk, shape));
  g_ = AlignedBuffer(table.local_bytes(plan_.chunk, shape));
  along_width_ = AlignedBuffer(table.mixed_bytes(plan_.unit_pixels(), shape));
  along_height_ = AlignedBuffer(table.mixed_bytes(plan_.unit_pixels(), shape));
  logits_.resize(static_cast<std::size_t>(config.classes));
  units_ = all(plan_.units(plan_.chunk));
  first_units_ = units_;
  for (int i = 0; i < plan_.chunk; ++i) head_units_.push_back({i, 1, 0, shape.size});
  if (stage == 0) {
    pictures_ = Random().floats(static_cast<std::size_t>(plan_.chunk) * config.picture_floats(), 2);
  } else {
    const StagePlan& finer = plan.stages[static_cast<std::size_t>(stage) - 1];
    finer_ = finer.shape;
    first_units_ = all(plan_.units(std::min(finer.chunk, plan_.chunk)));
    from_ = AlignedBuffer(table.stream_bytes(finer.chunk, finer_));
    fill_stream(finer_, finer.chunk, from_.data());
  }
  const std::size_t c = static_cast<std::size_t>(shape.channels), hidden = static_cast<std::size_t>(shape.hidden);
  block_floats_ = kFuseSegments * c * c + 2 * c * hidden + 2 * static_cast<std::size_t>(shape.pixels());
  refill();
  const Copies weights = copies(Step::pack, 1);
  for (const kernels::Unit& unit : units_) call(Step::local, weights, 0, unit);
  call(Step::mix, weights, 0, units_[0]);
}

// The patch embedding of patches of one pixel and many channels takes any numbers to any stream.
void Stage::fill_stream(const kernels::Shape& shape, int images, void* x) {
  Random random;
  const Dense dense = random.dense(shape.channels, kFillInputs, false);
  AlignedBuffer weight(table_.packed_bytes(dense.outputs, 1, dense.inputs));
  AlignedBuffer scratch(table_.scratch_bytes(shape, dense.inputs));
  std::vector<float> room;
  table_.pack(dense.weight.floats(room).data(), dense.outputs, 1, dense.inputs, weight.data());
  const auto pixels = static_cast<std::size_t>(images) * static_cast<std::size_t>(shape.pixels());
  const std::vector<float> pictures = random.floats(pixels * kFillInputs, 1);
  table_.stem({weight.data(), nullptr, dense.outputs, dense.inputs}, shape, kFillInputs, 1, pictures.data(),
              {0, images, 0, shape.size}, x, scratch.data());
}

void Stage::refill() { fill_stream(plan_.shape, plan_.chunk, x_.data()); }

const std::vector<kernels::Unit>& Stage::units(Step step) const {
  return step == Step::first ? first_units_ : step == Step::head ? head_units_ : units_;
}

double Stage::macs(Step step, kernels::Unit unit) const {
  return bench::macs(config_, stage_, step) * (step == Step::head ? unit.images : unit.pixels(plan_.shape));
}

double Stage::bytes(Step step, kernels::Unit unit) const {
  const kernels::Shape& shape = plan_.shape;
  const int pixels = unit.pixels(shape);
  const auto share = [&](std::size_t of_picture) { return static_cast<double>(of_picture) * pixels / shape.pixels(); };
  const double weights = static_cast<double>(weight_bytes(step)), stream = share(table_.stream_bytes(1, shape)),
               local = share(table_.local_bytes(1, shape)),
               mixed = static_cast<double>(table_.mixed_bytes(pixels, shape));
  switch (step) {
    case Step::first:
      return weights + stream +
             share(stage_ == 0 ? sizeof(float) * config_.picture_floats() : table_.stream_bytes(1, finer_));
    case Step::local:
      return weights + stream + local;
    case Step::mix:  // whole pictures, for the mixing along the height
      return weights + static_cast<double>(table_.local_bytes(unit.images, shape)) + 2 * mixed;
    case Step::fuse:
      return weights + local + 2 * mixed + 2 * stream;
    case Step::channel_mix:
      return weights + 2 * stream;
    case Step::head:
      return weights + stream + static_cast<double>(sizeof(float) * logits_.size());
    case Step::pack:
      return static_cast<double>(sizeof(float) * block_floats_ + weight_bytes(step));
  }
  return 0;
}

std::size_t Stage::weight_bytes(Step step) const {
  Copier counting(table_, nullptr);
  Copies ignored;
  if (step == Step::pack) {
    for (const Step packed : {Step::mix, Step::fuse, Step::channel_mix}) {
      add_copy(packed_, stage_, packed, counting, ignored);
    }
  } else {
    add_copy(packed_, stage_, step, counting, ignored);
  }
  return counting.used();
}

Copies Stage::copies(Step step, std::size_t count) const {
  Copies out;
  out.memory = AlignedBuffer(count * weight_bytes(step));
  Copier copier(table_, out.memory.data());
  for (std::size_t i = 0; i < count; ++i) add_copy(packed_, stage_, step, copier, out);
  return out;
}

void Stage::call(Step step, const Copies& weights, std::size_t copy, kernels::Unit unit) {
  const kernels::Kernels& k = table_;
  const kernels::Shape& shape = plan_.shape;
  void *x = x_.data(), *g = g_.data(), *width = along_width_.data(), *height = along_height_.data();
  switch (step) {
    case Step::first:
      if (stage_ == 0) {
        k.stem(weights.matrices[copy], shape, config_.in_channels, config_.patch, pictures_.data(), unit, x,
               scratch_.data());
      } else {
        k.downsample(weights.matrices[copy], finer_, from_.data(), shape, unit, x, scratch_.data());
      }
      return;
    case Step::local:
      k.local(weights.blocks[copy], shape, x, unit, g, scratch_.data());
      return;
    case Step::mix:
      k.mix(weights.blocks[copy], shape, g, unit, width, height);
      return;
    case Step::fuse:
      k.fuse(weights.blocks[copy], shape, g, width, height, unit, x);
      return;
    case Step::channel_mix:
      k.channel_mix(weights.blocks[copy], shape, unit, x, scratch_.data());
      return;
    case Step::head:
      k.head(weights.matrices[copy], shape, x, unit.image, logits_.data(), scratch_.data());
      return;
    case Step::pack:
      pack_block();
      return;
  }
}

// What loading a block costs; into a second place, since the packed block is in use.
void Stage::pack_block() {
  if (repacked_.size() == 0) repacked_ = AlignedBuffer(weight_bytes(Step::pack));
  const FoldedBlock& block = network_.blocks[0];
  std::byte* to = repacked_.data();
  std::vector<float> room;
  const auto pack = [&](const Dense& dense, int segments) {
    const int inputs = dense.inputs / segments;
    table_.pack(dense.weight.floats(room).data(), dense.outputs, segments, inputs, to);
    to += table_.packed_bytes(dense.outputs, segments, inputs);
  };
  for (const Dense* dense : {&block.mix_width, &block.mix_height}) {
    table_.pack_mix(dense->weight.floats(room).data(), dense->outputs, to);
    to += table_.packed_mix_bytes(dense->outputs);
  }
  pack(block.fuse, kFuseSegments);
  pack(block.fc1, 1);
  pack(block.fc2, 1);
}

}  // namespace smlp::bench
