// Runs single steps of a kernel table on buffers that fault where they end, filled with NaN before use: signalling
// ones, which change whatever is added to them.
//
// The table's contract for memory is the engine's AlignedBuffer: 64-byte alignment, and up to the next multiple of 64
// plus 64 bytes may be read, never written. Pictures and logits are the caller's: not a byte beyond.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "kernels/dispatch.h"
#include "oracle.h"
#include "support/guarded.h"

namespace smlp::test {

class StepBuffer {
 public:
  explicit StepBuffer(std::size_t bytes) : bytes_(bytes), memory_((bytes + 63) / 64 * 64 + 64, Guard::after, 64) {
    for (std::size_t i = 0; i < memory_.size(); ++i) memory_[i] = canary(i);
  }
  void* data() { return memory_.data(); }
  template <class T>
  T* as() {
    return reinterpret_cast<T*>(memory_.data());
  }

  // Nothing was written beyond the bytes asked for.
  bool is_intact() const {
    for (std::size_t i = bytes_; i < memory_.size(); ++i) {
      if (memory_[i] != canary(i)) return false;
    }
    return true;
  }

 private:
  // A signalling NaN of float32, and a NaN in each half of it for bfloat16.
  static std::byte canary(std::size_t i) { return std::byte{i % 4 == 2 ? std::uint8_t{0xBF} : std::uint8_t{0xFF}}; }
  std::size_t bytes_;
  Guarded<std::byte> memory_;
};

class StepRunner {
 public:
  explicit StepRunner(const kernels::Kernels& table) : table_(table) {}
  ~StepRunner() {
    for (const auto& buffer : buffers_) EXPECT_TRUE(buffer->is_intact()) << table_.isa << " wrote beyond a buffer";
  }

  StepBuffer& buffer(std::size_t bytes) { return *buffers_.emplace_back(std::make_unique<StepBuffer>(bytes)); }

  // Zero up to the next multiple of 64 bytes, as the engine's are.
  const float* floats(const std::vector<float>& values) {
    if (values.empty()) return nullptr;
    StepBuffer& to = buffer((values.size() * sizeof(float) + 63) / 64 * 64);
    std::memset(to.data(), 0, (values.size() * sizeof(float) + 63) / 64 * 64);
    std::memcpy(to.data(), values.data(), values.size() * sizeof(float));
    return to.as<float>();
  }

  kernels::Matrix matrix(const std::vector<float>& weight, const std::vector<float>& bias, int outputs, int segments) {
    const int inputs = static_cast<int>(weight.size()) / outputs / segments;
    StepBuffer& to = buffer(table_.packed_bytes(outputs, segments, inputs));
    table_.pack(weight.data(), outputs, segments, inputs, to.data());
    return {to.data(), floats(bias), outputs, segments * inputs};
  }

  // Weights in int8, (outputs, segments, inputs), with a scale and a bias for each output.
  kernels::Matrix int8_matrix(const std::vector<std::int8_t>& weight, const std::vector<float>& scale,
                              const std::vector<float>& bias, const std::vector<kernels::ByteRange>& ranges) {
    const int outputs = static_cast<int>(scale.size()), segments = static_cast<int>(ranges.size());
    const int inputs = static_cast<int>(weight.size()) / outputs / segments;
    StepBuffer& to = buffer(table_.packed_int8_bytes(outputs, segments, inputs));
    std::vector<std::int32_t> start(scale.size());
    table_.pack_int8(weight.data(), outputs, segments, inputs, ranges.data(), to.data(), start.data());
    std::vector<float> bits(start.size());
    std::memcpy(bits.data(), start.data(), start.size() * sizeof(float));
    kernels::Matrix matrix = {.weight = to.data(),
                              .bias = floats(bias),
                              .outputs = outputs,
                              .inputs = segments * inputs,
                              .scale = floats(scale),
                              .start = reinterpret_cast<const std::int32_t*>(floats(bits))};
    std::copy(ranges.begin(), ranges.end(), matrix.ranges);
    return matrix;
  }

  kernels::Matrix mixing(const std::vector<float>& weight, const std::vector<float>& bias, int size) {
    StepBuffer& to = buffer(table_.packed_mix_bytes(size));
    table_.pack_mix(weight.data(), size, to.data());
    return {to.data(), floats(bias), size, size};
  }

  kernels::Block block(const PlainBlock& b, GeluPrecision gelu = GeluPrecision::high_precision) {
    std::vector<float> taps(b.depthwise.size());
    const auto channels = static_cast<std::size_t>(b.channels);
    for (std::size_t i = 0; i < taps.size(); ++i) taps[i % 9 * channels + i / 9] = b.depthwise[i];
    return {.pre_scale = floats(b.pre_scale),
            .pre_shift = floats(b.pre_shift),
            .depthwise = floats(taps),
            .depthwise_bias = floats(b.depthwise_bias),
            .mix_width = mixing(b.width, b.width_bias, b.size),
            .mix_height = mixing(b.height, b.height_bias, b.size),
            .fuse = matrix(b.fuse, {}, b.channels, 3),
            .fc1 = matrix(b.fc1, b.fc1_bias, b.hidden, 1),
            .fc2 = matrix(b.fc2, b.fc2_bias, b.channels, 1),
            .norm_epsilon = b.epsilon,
            .gelu = gelu};
  }

  // A residual stream that holds `pictures`, each NHWC. The stem with the identity for weights writes it: exact, since
  // every other product is zero. Where the stem rounds pictures to bfloat16, it is given each as a sum of three.
  StepBuffer& stream(const kernels::Shape& shape, const std::vector<std::vector<float>>& pictures) {
    const auto channels = static_cast<std::size_t>(shape.channels), pixels = static_cast<std::size_t>(shape.pixels());
    const int images = static_cast<int>(pictures.size());
    const std::size_t parts = table_.precision == Precision::fp32 ? 1 : 3, inputs = parts * channels;
    std::vector<float> identities(channels * inputs);
    for (std::size_t k = 0; k < inputs; ++k) identities[k % channels * inputs + k] = 1.0F;
    Guarded<float> planes(pictures.size() * pixels * inputs);
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      for (std::size_t p = 0; p < pixels; ++p) {
        for (std::size_t c = 0; c < channels; ++c) {
          float rest = pictures[i][p * channels + c];
          for (std::size_t k = c; k < inputs; k += channels) {
            const float part = k + channels < inputs ? static_cast<float>(rounded_to_bfloat16(rest)) : rest;
            planes[(i * inputs + k) * pixels + p] = part;
            rest -= part;
          }
        }
      }
    }
    StepBuffer& x = buffer(table_.stream_bytes(images, shape));
    StepBuffer& scratch = buffer(table_.scratch_bytes(shape, static_cast<int>(inputs)));
    table_.stem(matrix(identities, {}, shape.channels, 1), shape, static_cast<int>(inputs), 1, planes.data(),
                {0, images, 0, shape.size}, x.data(), scratch.data());
    return x;
  }

  std::vector<float> read(StepBuffer& x, const kernels::Shape& shape, int image = 0) {
    std::vector<float> nhwc(static_cast<std::size_t>(shape.pixels() * shape.channels));
    table_.read_stream(x.as<std::byte>() + table_.stream_bytes(image, shape), shape, nhwc.data());
    return nhwc;
  }

  void token_mix(const kernels::Block& block, const kernels::Shape& shape, StepBuffer& x, int images,
                 const std::vector<kernels::Unit>& units) {
    StepBuffer& g = buffer(table_.local_bytes(images, shape));
    for (const kernels::Unit& unit : units) {
      table_.local(block, shape, x.data(), unit, g.data(), buffer(table_.scratch_bytes(shape, 0)).data());
    }
    for (const kernels::Unit& unit : units) {
      StepBuffer &width = buffer(table_.mixed_bytes(unit.pixels(shape), shape)),
                 &height = buffer(table_.mixed_bytes(unit.pixels(shape), shape));
      table_.mix(block, shape, g.data(), unit, width.data(), height.data());
      table_.fuse(block, shape, g.data(), width.data(), height.data(), unit, x.data());
    }
  }

  void channel_mix(const kernels::Block& block, const kernels::Shape& shape, StepBuffer& x,
                   const std::vector<kernels::Unit>& units) {
    for (const kernels::Unit& unit : units) {
      table_.channel_mix(block, shape, unit, x.data(), buffer(table_.scratch_bytes(shape, 0)).data());
    }
  }

  const kernels::Kernels& table() const { return table_; }

 private:
  const kernels::Kernels& table_;
  std::vector<std::unique_ptr<StepBuffer>> buffers_;
};

}  // namespace smlp::test
