// Every kernel table present against the reference, step by step, on random shapes and values, NaN and infinities among
// them: where the reference gives a number, a table gives one within what the arithmetic of both may lose, and where
// the reference gives none, a table gives none either.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "kernels/dispatch.h"
#include "kernels/oracle.h"
#include "kernels/step_runner.h"

namespace {

using namespace smlp;
using namespace smlp::test;

// Sizes and numbers taken from the input, then from a generator that it seeds.
class Source {
 public:
  Source(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {
    for (std::size_t i = 0; i < size; ++i) state_ = (state_ ^ data[i]) * 0x100000001B3ULL;
  }
  unsigned byte() { return at_ < size_ ? data_[at_++] : next() & 0xFFU; }
  int upto(int most) { return 1 + static_cast<int>(byte() % static_cast<unsigned>(most)); }
  std::vector<float> numbers(int count, float scale) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = scale * (static_cast<float>(next() & 0xFFFFU) / 32768.0F - 1.0F);
    return values;
  }
  // One of the numbers that take other paths through the arithmetic, somewhere among the values.
  void make_wild(std::vector<float>& values) {
    constexpr float kWild[] = {std::numeric_limits<float>::quiet_NaN(),
                               std::numeric_limits<float>::infinity(),
                               -std::numeric_limits<float>::infinity(),
                               -0.0F,
                               1e-40F,
                               50.0F,
                               -50.0F};
    values[next() % values.size()] = kWild[next() % std::size(kWild)];
  }

 private:
  std::uint32_t next() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::uint32_t>(state_ >> 33);
  }
  const std::uint8_t* data_;
  std::size_t size_, at_ = 0;
  std::uint64_t state_ = 0xCBF29CE484222325ULL;
};

enum class Kind { token, channel, stem, downsample, head };

// One step with all that it is given.
struct Case {
  Kind kind;
  GeluPrecision gelu;
  kernels::Shape shape;
  PlainBlock block;
  int in_channels, patch, classes, odd;
  std::vector<float> weight, bias;  // of stem, downsample and head
  std::vector<float> picture;       // what it takes: the stem planes, the others NHWC

  kernels::Shape finer() const { return {2 * shape.size + odd, (shape.channels + 1) / 2, 1}; }
};

PlainBlock random_block(Source& source, const kernels::Shape& shape) {
  const int c = shape.channels, h = shape.size, hidden = shape.hidden;
  return {.size = h,
          .channels = c,
          .hidden = hidden,
          .pre_scale = source.numbers(c, 1),
          .pre_shift = source.numbers(c, 1),
          .depthwise = source.numbers(9 * c, 0.4F),
          .depthwise_bias = source.numbers(c, 1),
          .width = source.numbers(h * h, 0.3F),
          .width_bias = source.numbers(h, 1),
          .height = source.numbers(h * h, 0.3F),
          .height_bias = source.numbers(h, 1),
          .fuse = source.numbers(3 * c * c, 0.2F),
          .fc1 = source.numbers(hidden * c, 0.2F),
          .fc1_bias = source.numbers(hidden, 1),
          .fc2 = source.numbers(hidden * c, 0.2F),
          .fc2_bias = source.numbers(c, 1)};
}

Case random_case(Source& source) {
  Case step{};
  step.kind = static_cast<Kind>(source.byte() % 5);
  step.gelu = source.byte() % 2 == 0 ? GeluPrecision::high_precision : GeluPrecision::high_performance;
  const bool wild = source.byte() % 3 == 0;
  step.shape.channels = source.upto(70);
  // At most some thousand numbers, so that many shapes are tried.
  int most = 1;
  while (most < 20 && (most + 1) * (most + 1) * step.shape.channels <= 4000) ++most;
  step.shape.size = source.upto(most);
  step.shape.hidden = source.upto(140);
  step.in_channels = source.upto(4);
  step.patch = source.upto(5);
  step.classes = source.upto(70);
  step.odd = static_cast<int>(source.byte() % 2);
  const kernels::Shape& shape = step.shape;
  step.block = random_block(source, shape);
  const int inputs = step.in_channels * step.patch * step.patch;
  if (step.kind == Kind::stem) {
    step.weight = source.numbers(shape.channels * inputs, 1);
    step.picture = source.numbers(inputs * shape.pixels(), 2);
  } else if (step.kind == Kind::downsample) {
    const kernels::Shape finer = step.finer();
    step.weight = source.numbers(shape.channels * 4 * finer.channels, 1);
    step.picture = source.numbers(finer.pixels() * finer.channels, 2);
  } else {
    step.weight = source.numbers(step.classes * shape.channels, 1);
    step.bias = source.numbers(step.classes, 1);
    step.picture = source.numbers(shape.pixels() * shape.channels, 2);
  }
  if (wild) source.make_wild(step.picture);
  return step;
}

std::vector<float> run(const kernels::Kernels& table, const Case& step) {
  StepRunner runner(table);
  const kernels::Shape& shape = step.shape;
  const kernels::Unit whole = {0, 1, 0, shape.size};
  if (step.kind == Kind::stem) {
    const int inputs = step.in_channels * step.patch * step.patch;
    Guarded<float> planes(step.picture.size());
    std::copy(step.picture.begin(), step.picture.end(), planes.begin());
    StepBuffer& x = runner.buffer(table.stream_bytes(1, shape));
    table.stem(runner.matrix(step.weight, {}, shape.channels, 1), shape, step.in_channels, step.patch, planes.data(),
               whole, x.data(), runner.buffer(table.scratch_bytes(shape, inputs)).data());
    return runner.read(x, shape);
  }
  if (step.kind == Kind::downsample) {
    const kernels::Shape finer = step.finer();
    StepBuffer& from = runner.stream(finer, {step.picture});
    StepBuffer& x = runner.buffer(table.stream_bytes(1, shape));
    table.downsample(runner.matrix(step.weight, {}, shape.channels, 4), finer, from.data(), shape, whole, x.data(),
                     runner.buffer(table.scratch_bytes(shape, 4 * finer.channels)).data());
    return runner.read(x, shape);
  }
  StepBuffer& x = runner.stream(shape, {step.picture});
  if (step.kind == Kind::head) {
    Guarded<float> logits(step.bias.size());
    table.head(runner.matrix(step.weight, step.bias, step.classes, 1), shape, x.data(), 0, logits.data(),
               runner.buffer(table.scratch_bytes(shape, 0)).data());
    return {logits.begin(), logits.end()};
  }
  const kernels::Block block = runner.block(step.block, step.gelu);
  if (step.kind == Kind::token) {
    runner.token_mix(block, shape, x, 1, {whole});
  } else {
    runner.channel_mix(block, shape, x, {whole});
  }
  return runner.read(x, shape);
}

// How far a table may be from the truth.
std::vector<Number> truth(Precision precision, const Case& step) {
  const Arithmetic arithmetic = {precision, step.gelu};
  const kernels::Shape& shape = step.shape;
  switch (step.kind) {
    case Kind::token:
      return token_mix(arithmetic, step.block, step.picture);
    case Kind::channel:
      return channel_mix(arithmetic, step.block, step.picture);
    case Kind::stem:
      return stem(arithmetic, step.weight, shape.size, shape.channels, step.in_channels, step.patch, step.picture, 0);
    case Kind::downsample: {
      const kernels::Shape finer = step.finer();
      return downsample(arithmetic, step.weight, shape.size, shape.channels, finer.size, finer.channels, step.picture);
    }
    case Kind::head:
      return head(arithmetic, step.weight, step.bias, shape.channels, step.picture);
  }
  std::abort();
}

const kernels::Kernels* reference(Precision precision) {
  for (const auto& candidate : kernels::candidates()) {
    if (candidate.isa == "reference" && candidate.precision == precision) return candidate.table;
  }
  return nullptr;
}

void compare(std::string_view isa, const Case& step, const std::vector<float>& got, const std::vector<float>& want,
             const std::vector<Number>& bounds) {
  for (std::size_t i = 0; i < want.size(); ++i) {
    // Both are within the bound of the truth, so within twice the bound of each other.
    const bool same =
        std::isfinite(want[i]) ? std::abs(got[i] - want[i]) <= 2 * bounds[i].error : !std::isfinite(got[i]);
    if (same) continue;
    std::fprintf(stderr,
                 "%s: element %zu is %g, the reference's %g, the bound %g (step %d, size %d, channels %d, hidden %d)\n",
                 std::string(isa).c_str(), i, got[i], want[i], bounds[i].error, static_cast<int>(step.kind),
                 step.shape.size, step.shape.channels, step.shape.hidden);
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  Source source(data, size);
  const Case step = random_case(source);
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const auto* exact = reference(precision);
    if (exact == nullptr) continue;
    const auto want = run(*exact, step);
    const auto bounds = truth(precision, step);
    for (const auto& candidate : kernels::candidates()) {
      if (candidate.table == nullptr || candidate.isa == "reference" || candidate.precision != precision) continue;
      compare(candidate.isa, step, run(*candidate.table, step), want, bounds);
    }
  }
  return 0;
}
