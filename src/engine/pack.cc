#include "engine/pack.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <span>

namespace smlp {
namespace {

// Hands out places in one buffer, and notes what has to be written there.
class Layout {
 public:
  // `base` null: only counts the bytes.
  Layout(const kernels::Kernels& table, std::byte* base) : table_(table), base_(base) {}

  const float* floats(std::span<const float> values) {
    if (values.empty()) return nullptr;
    std::byte* to = take(values.size_bytes());
    jobs_.push_back([=](Room&) { std::memcpy(to, values.data(), values.size_bytes()); });
    return reinterpret_cast<const float*>(to);
  }

  kernels::Matrix matrix(const Dense& dense, int segments) {
    const int inputs = dense.inputs / segments;
    std::byte* to = take(table_.packed_bytes(dense.outputs, segments, inputs));
    note(dense, [=, this, &dense](Room& room) {
      table_.pack(dense.weight.floats(room.widened).data(), dense.outputs, segments, inputs, to);
    });
    return {to, floats(dense.bias), dense.outputs, dense.inputs};
  }

  // fuse, fc1 or fc2, in int8 where the network and the table have it so.
  kernels::Matrix product(const Dense& dense, int segments) {
    if (!dense.is_int8() || table_.pack_int8 == nullptr) return matrix(dense, segments);
    const int inputs = dense.inputs / segments;
    std::byte* to = take(table_.packed_int8_bytes(dense.outputs, segments, inputs));
    auto* start = reinterpret_cast<std::int32_t*>(take(static_cast<std::size_t>(dense.outputs) * sizeof(std::int32_t)));
    kernels::Matrix packed = {.weight = to,
                              .bias = floats(dense.bias),
                              .outputs = dense.outputs,
                              .inputs = dense.inputs,
                              .scale = floats(dense.int8.outputs),
                              .start = start};
    for (std::size_t s = 0; s < dense.int8.inputs.size(); ++s) {
      packed.ranges[s] = {1.0F / dense.int8.inputs[s].scale, dense.int8.inputs[s].zero};
    }
    jobs_.push_back([=, this, &dense](Room&) {
      table_.pack_int8(dense.weight.integers().data(), dense.outputs, segments, inputs, packed.ranges, to, start);
    });
    return packed;
  }

  kernels::Matrix mixing(const Dense& dense) {
    std::byte* to = take(table_.packed_mix_bytes(dense.outputs));
    note(dense, [=, this, &dense](Room& room) {
      table_.pack_mix(dense.weight.floats(room.widened).data(), dense.outputs, to);
    });
    return {to, floats(dense.bias), dense.outputs, dense.inputs};
  }

  // PyTorch orders a 2 x 2 convolution's inputs (channel, dy, dx); the kernels take them as segments (dy, dx).
  kernels::Matrix downsampling(const Dense& dense) {
    const int channels = dense.inputs / 4;
    std::byte* to = take(table_.packed_bytes(dense.outputs, 4, channels));
    note(dense, [=, this, &dense](Room& room) {
      const float* from = dense.weight.floats(room.widened).data();
      float* ordered = room.ordered.data();
      for (int n = 0; n < dense.outputs; ++n, from += dense.inputs) {
        for (int tap = 0; tap < 4; ++tap) {
          for (int c = 0; c < channels; ++c) *ordered++ = from[4 * c + tap];
        }
      }
      table_.pack(room.ordered.data(), dense.outputs, 4, channels, to);
    });
    return {to, floats(dense.bias), dense.outputs, dense.inputs};
  }

  // (C, 9) -> (9, C)
  const float* taps(const Dense& dense) {
    std::byte* to = take(dense.weight.size() * sizeof(float));
    auto* turned = reinterpret_cast<float*>(to);
    note(dense, [=, &dense](Room&) {
      const auto channels = static_cast<std::size_t>(dense.outputs);
      for (std::size_t i = 0; i < dense.weight.size(); ++i) turned[i % 9 * channels + i / 9] = dense.weight[i];
    });
    return turned;
  }

  std::size_t bytes() const { return bytes_; }

  void write(ThreadPool& pool) const {
    std::vector<Room> rooms(static_cast<std::size_t>(pool.size()), Room{Floats(largest_), Floats(largest_)});
    std::atomic<std::size_t> next = 0;
    auto work = [&](int worker) {
      Room& room = rooms[static_cast<std::size_t>(worker)];
      for (std::size_t i = next++; i < jobs_.size(); i = next++) jobs_[i](room);
    };
    pool.run(work);
  }

 private:
  using Floats = std::vector<float>;
  struct Room {  // of a thread, for weights on their way
    Floats widened, ordered;
  };
  using Job = std::function<void(Room&)>;

  void note(const Dense& dense, Job job) {
    largest_ = std::max(largest_, dense.weight.size());
    jobs_.push_back(std::move(job));
  }

  std::byte* take(std::size_t bytes) {
    // Each part as a buffer of its own would be: aligned, and with bytes behind it that may be read.
    std::byte* const at = base_ == nullptr ? nullptr : base_ + bytes_;
    bytes_ += (bytes + 63) / 64 * 64 + 64;
    return at;
  }

  const kernels::Kernels& table_;
  std::byte* base_;
  std::size_t bytes_ = 0;
  std::size_t largest_ = 0;  // floats of the largest matrix
  std::vector<Job> jobs_;
};

void lay_out(const Network& network, Layout& layout, PackedNetwork& packed) {
  packed.stems.clear();
  packed.blocks.clear();
  for (const Dense& stem : network.stems) {
    packed.stems.push_back(packed.stems.empty() ? layout.matrix(stem, 1) : layout.downsampling(stem));
  }
  for (const FoldedBlock& block : network.blocks) {
    packed.blocks.push_back({.pre_scale = layout.floats(block.pre.scale),
                             .pre_shift = layout.floats(block.pre.shift),
                             .depthwise = layout.taps(block.depthwise),
                             .depthwise_bias = layout.floats(block.depthwise.bias),
                             .mix_width = layout.mixing(block.mix_width),
                             .mix_height = layout.mixing(block.mix_height),
                             .fuse = layout.product(block.fuse, 3),
                             .fc1 = layout.product(block.fc1, 1),
                             .fc2 = layout.product(block.fc2, 1),
                             .norm_epsilon = block.norm_epsilon,
                             .gelu = network.gelu});
  }
  packed.head = layout.matrix(network.head, 1);
}

}  // namespace

kernels::Shape PackedNetwork::shape(int stage) const {
  return {config.grid(stage), config.channels(stage), config.hidden(stage)};
}

PackedNetwork pack(const Network& network, const kernels::Kernels& table, ThreadPool& pool) {
  PackedNetwork packed;
  packed.config = network.config;
  Layout size(table, nullptr);
  lay_out(network, size, packed);
  packed.storage = AlignedBuffer(size.bytes());
  Layout layout(table, packed.storage.data());
  lay_out(network, layout, packed);
  layout.write(pool);
  return packed;
}

}  // namespace smlp
