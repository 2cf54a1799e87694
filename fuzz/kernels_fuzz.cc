// Every kernel table present against the reference, on random shapes and values, NaN and infinities among them: where
// the reference gives a number, a table gives one within the bound that the arithmetic allows, and where the reference
// gives none, a table gives none either.
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "kernels/dispatch.h"
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
  std::vector<float> numbers(int count, float scale, bool wild) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = scale * (static_cast<float>(next() & 0xFFFFU) / 32768.0F - 1.0F);
    constexpr float kWild[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                               -std::numeric_limits<float>::infinity()};
    if (wild) values[next() % values.size()] = kWild[next() % 3];
    return values;
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

const kernels::Kernels* reference(Precision precision) {
  for (const auto& candidate : kernels::candidates()) {
    if (candidate.isa == "reference" && candidate.precision == precision) return candidate.table;
  }
  return nullptr;
}

std::vector<float> run(const kernels::Kernels& table, const PlainBlock& block, const kernels::Shape& shape,
                       const std::vector<float>& picture, GeluPrecision gelu, bool token) {
  StepRunner runner(table);
  StepBuffer& x = runner.stream(shape, {picture});
  const std::vector<kernels::Unit> whole = {{0, 1, 0, shape.size}};
  if (token) {
    runner.token_mix(runner.block(block, gelu), shape, x, 1, whole);
  } else {
    runner.channel_mix(runner.block(block, gelu), shape, x, whole);
  }
  return runner.read(x, shape);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 6) return 0;
  Source source(data, size);
  const kernels::Shape shape = {.size = source.upto(20), .channels = source.upto(70), .hidden = source.upto(140)};
  if (shape.pixels() * shape.channels > 6000) return 0;
  const unsigned flags = source.byte();
  const bool token = (flags & 1U) != 0, wild = (flags & 6U) == 6;
  const auto gelu = (flags & 8U) != 0 ? GeluPrecision::high_precision : GeluPrecision::high_performance;
  const int c = shape.channels, h = shape.size, hidden = shape.hidden;
  const PlainBlock block{.size = h,
                         .channels = c,
                         .hidden = hidden,
                         .pre_scale = source.numbers(c, 1, false),
                         .pre_shift = source.numbers(c, 1, false),
                         .depthwise = source.numbers(9 * c, 0.4F, false),
                         .depthwise_bias = source.numbers(c, 1, false),
                         .width = source.numbers(h * h, 0.3F, false),
                         .width_bias = source.numbers(h, 1, false),
                         .height = source.numbers(h * h, 0.3F, false),
                         .height_bias = source.numbers(h, 1, false),
                         .fuse = source.numbers(3 * c * c, 0.2F, false),
                         .fc1 = source.numbers(hidden * c, 0.2F, false),
                         .fc1_bias = source.numbers(hidden, 1, false),
                         .fc2 = source.numbers(hidden * c, 0.2F, false),
                         .fc2_bias = source.numbers(c, 1, false),
                         .epsilon = 1e-5F};
  const std::vector<float> picture = source.numbers(shape.pixels() * c, 2, wild);
  for (const auto& candidate : kernels::candidates()) {
    if (candidate.table == nullptr || candidate.isa == "reference") continue;
    const auto* exact = reference(candidate.precision);
    if (exact == nullptr) continue;
    const auto want = run(*exact, block, shape, picture, gelu, token);
    const auto got = run(*candidate.table, block, shape, picture, gelu, token);
    // Both are within their derived bounds of the truth; a coarse bound on their distance finds what is wrong at all.
    float largest = 1;
    for (const float value : want) largest = std::isfinite(value) ? std::max(largest, std::abs(value)) : largest;
    const float bound = largest * (candidate.precision == Precision::bf16 ? 0.1F : 1e-3F);
    for (std::size_t i = 0; i < want.size(); ++i) {
      const bool same = std::isfinite(want[i]) ? std::abs(got[i] - want[i]) <= bound : !std::isfinite(got[i]);
      if (same) continue;
      std::fprintf(stderr, "%s: element %zu is %g, the reference's %g (size %d, channels %d, hidden %d, %s)\n",
                   candidate.isa.c_str(), i, got[i], want[i], h, c, hidden, token ? "token" : "channel");
      std::abort();
    }
  }
  return 0;
}
