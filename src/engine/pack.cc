#include "engine/pack.h"

#include <cstring>

namespace smlp {
namespace {

class Packer {
 public:
  Packer(const kernels::Kernels& table, std::vector<AlignedBuffer>& storage) : table_(table), storage_(storage) {}

  const float* floats(const std::vector<float>& values) {
    if (values.empty()) return nullptr;
    std::byte* to = take(values.size() * sizeof(float));
    std::memcpy(to, values.data(), values.size() * sizeof(float));
    return reinterpret_cast<const float*>(to);
  }

  kernels::Matrix matrix(const Dense& dense, int segments) { return matrix(dense, dense.weight, segments); }

  kernels::Matrix mixing(const Dense& dense) {
    std::byte* to = take(table_.packed_mix_bytes(dense.outputs));
    table_.pack_mix(dense.weight.data(), dense.outputs, to);
    return {to, floats(dense.bias), dense.outputs, dense.inputs};
  }

  // PyTorch orders a 2 x 2 convolution's inputs (channel, dy, dx); the kernels take them as segments (dy, dx).
  kernels::Matrix downsampling(const Dense& dense) {
    std::vector<float> ordered(dense.weight.size());
    const int channels = dense.inputs / 4;
    std::size_t at = 0;
    for (int n = 0; n < dense.outputs; ++n) {
      const float* row = dense.weight.data() + static_cast<std::size_t>(n) * static_cast<std::size_t>(dense.inputs);
      for (int tap = 0; tap < 4; ++tap) {
        for (int c = 0; c < channels; ++c) ordered[at++] = row[4 * c + tap];
      }
    }
    return matrix(dense, ordered, 4);
  }

  // (C, 9) -> (9, C)
  const float* taps(const Dense& dense) {
    std::vector<float> turned(dense.weight.size());
    const auto channels = static_cast<std::size_t>(dense.outputs);
    for (std::size_t i = 0; i < turned.size(); ++i) turned[i % 9 * channels + i / 9] = dense.weight[i];
    return floats(turned);
  }

 private:
  std::byte* take(std::size_t bytes) { return storage_.emplace_back(bytes).data(); }

  kernels::Matrix matrix(const Dense& dense, const std::vector<float>& weight, int segments) {
    const int inputs = dense.inputs / segments;
    std::byte* to = take(table_.packed_bytes(dense.outputs, segments, inputs));
    table_.pack(weight.data(), dense.outputs, segments, inputs, to);
    return {to, floats(dense.bias), dense.outputs, dense.inputs};
  }

  const kernels::Kernels& table_;
  std::vector<AlignedBuffer>& storage_;
};

}  // namespace

std::size_t PackedNetwork::bytes() const {
  std::size_t sum = 0;
  for (const AlignedBuffer& buffer : storage) sum += buffer.size();
  return sum;
}

kernels::Shape PackedNetwork::shape(int stage) const {
  return {config.grid(stage), config.channels(stage), config.hidden(stage)};
}

PackedNetwork pack(const Network& network, const kernels::Kernels& table) {
  PackedNetwork packed;
  packed.config = network.config;
  Packer packer(table, packed.storage);
  for (const Dense& stem : network.stems) {
    packed.stems.push_back(packed.stems.empty() ? packer.matrix(stem, 1) : packer.downsampling(stem));
  }
  for (const FoldedBlock& block : network.blocks) {
    packed.blocks.push_back({.pre_scale = packer.floats(block.pre.scale),
                             .pre_shift = packer.floats(block.pre.shift),
                             .depthwise = packer.taps(block.depthwise),
                             .depthwise_bias = packer.floats(block.depthwise.bias),
                             .mix_width = packer.mixing(block.mix_width),
                             .mix_height = packer.mixing(block.mix_height),
                             .fuse = packer.matrix(block.fuse, 3),
                             .fc1 = packer.matrix(block.fc1, 1),
                             .fc2 = packer.matrix(block.fc2, 1),
                             .norm_epsilon = block.norm_epsilon,
                             .gelu = network.gelu});
  }
  packed.head = packer.matrix(network.head, 1);
  return packed;
}

}  // namespace smlp
