// The kernel table: what an instruction set must provide for engine/forward.cc to run on it.
//
// The layout of activations is the table's own affair; the engine only asks how many bytes they take. All sizes are in
// elements unless a name says bytes. No step allocates, locks or calls the system.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/precision.h"

namespace smlp::kernels {

// What a step takes of its thread's stack at most, with room for what calls it: in the tables of AMX a band's sums and
// two panels, 185 kB.
constexpr std::size_t kStackBytes = 256 * 1024;

// A stage: `size` x `size` pixels a picture, C = `channels`, alpha C = `hidden`.
struct Shape {
  int size, channels, hidden;
  int pixels() const { return size * size; }
};

// A share of a step's work: rows [row, row + rows) of each of pictures [image, image + images).
// More than one picture comes with whole pictures only, so that a unit's pixels are contiguous.
struct Unit {
  int image, images, row, rows;
  int first_pixel(const Shape& s) const { return (image * s.size + row) * s.size; }
  int pixels(const Shape& s) const { return images * rows * s.size; }
};

// How a product of bytes sees a segment of its inputs: x is the byte nearest to x * factor + zero, from 0 to 255.
struct ByteRange {
  float factor;
  int zero;
};

// Is shown the inputs of a product, `rows` rows of `columns` float32 that lie `stride` apart, by whoever measures them.
struct Tap {
  void (*see)(void* context, const float* values, int rows, int columns, std::size_t stride);
  void* context;
};

// Weights of y = W x + b as the table's `pack` wrote them; bias null for none, zero-padded to a vector otherwise.
//
// Of a product in int8, `pack_int8` wrote them, and y = scale * (start + sum of weights times bytes) + bias: scale,
// start and bias of each output, zero-padded to a vector, and a range for each segment of inputs. Which products of a
// network are in int8 is free, among those of fuse, fc1 and fc2.
struct Matrix {
  const void* weight;
  const float* bias;
  int outputs, inputs;
  const float* scale = nullptr;  // null: a product in the table's own format
  const std::int32_t* start = nullptr;
  ByteRange ranges[3] = {};
  const Tap* taps = nullptr;  // of each segment, where a table of fp32 shows what it multiplies: of fuse, fc1 and fc2

  bool is_int8() const { return scale != nullptr; }
};

// One block's weights, packed; see model/network.h for the mathematics.
struct Block {
  const float *pre_scale, *pre_shift;       // C each
  const float *depthwise, *depthwise_bias;  // (9, C), C
  Matrix mix_width, mix_height;             // (h, h), packed by `pack_mix`
  Matrix fuse;                              // inputs in three segments of C: g, mixW, mixH
  Matrix fc1, fc2;
  float norm_epsilon;
  GeluPrecision gelu;
};

struct Kernels {
  const char* isa;
  Precision precision;
  // What the table works best on: pixels of a unit (its activations should stay in a core's second-level cache, and be
  // rows enough to reuse packed weights) and of the pictures that go through a stage together.
  int unit_pixels, chunk_pixels;

  // Packing, once at load. A dense layer's inputs come in `segments` of `inputs` each: weight is
  // (outputs, segments * inputs) row-major. A mixing matrix is (size, size).
  std::size_t (*packed_bytes)(int outputs, int segments, int inputs);
  void (*pack)(const float* weight, int outputs, int segments, int inputs, void* packed);
  // Weights in int8, -127 to 127, for a product of bytes; null where the table has none. `ranges`, one a segment, are
  // those of the inputs; writes start[0 ... outputs) too.
  std::size_t (*packed_int8_bytes)(int outputs, int segments, int inputs);
  void (*pack_int8)(const std::int8_t* weight, int outputs, int segments, int inputs, const ByteRange* ranges,
                    void* packed, std::int32_t* start);
  std::size_t (*packed_mix_bytes)(int size);
  void (*pack_mix)(const float* weight, int size, void* packed);

  // Memory: the residual stream x (pictures one after the other), the locally mixed g, each of the two mixed unit-sized
  // buffers, a thread's scratch.
  std::size_t (*stream_bytes)(int images, const Shape& shape);
  std::size_t (*local_bytes)(int images, const Shape& shape);
  std::size_t (*mixed_bytes)(int pixels, const Shape& shape);
  std::size_t (*scratch_bytes)(const Shape& shape, int stem_inputs);

  // Patch embedding of pictures (in_channels, size * patch, size * patch) float32; weights have one segment of
  // in_channels * patch * patch inputs. Writes `unit` of x.
  void (*stem)(const Matrix& weights, const Shape& shape, int in_channels, int patch, const float* pictures, Unit unit,
               void* x, void* scratch);
  // Downsampling by 2 from the previous stage's x (`from`, of shape `finer`): four segments of channels / 2 inputs,
  // pixels (0,0) (0,1) (1,0) (1,1) of each 2 x 2 patch. An odd grid's last row and column go unread. `unit` counts the
  // new stage's rows.
  void (*downsample)(const Matrix& weights, const Shape& finer, const void* from, const Shape& shape, Unit unit,
                     void* x, void* scratch);

  // g = GELU(DW3x3(GELU(BN1(x))) + bias). x and g hold the same pictures.
  void (*local)(const Block& block, const Shape& shape, const void* x, Unit unit, void* g, void* scratch);
  // along_width = mixW(g), along_height = mixH(g), for the unit's pixels
  void (*mix)(const Block& block, const Shape& shape, const void* g, Unit unit, void* along_width, void* along_height);
  // x += fuse(concat[g, mixW(g), mixH(g)])
  void (*fuse)(const Block& block, const Shape& shape, const void* g, const void* along_width, const void* along_height,
               Unit unit, void* x);
  // x += FC2(GELU(FC1(LayerNorm(x))))
  void (*channel_mix)(const Block& block, const Shape& shape, Unit unit, void* x, void* scratch);
  // logits = head(mean over the grid of picture `image` of x)
  void (*head)(const Matrix& weights, const Shape& shape, const void* x, int image, float* logits, void* scratch);

  // Multiply-accumulates of a loop that keeps every product unit busy and touches no memory; returns how many. What
  // it reaches a second is the peak that benchmarks report shares of.
  std::int64_t (*saturate)(std::int64_t rounds);

  // The first picture of x as float32 NHWC.
  void (*read_stream)(const void* x, const Shape& shape, float* nhwc);
};

}  // namespace smlp::kernels
