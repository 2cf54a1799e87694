// BN1, depthwise convolution and LayerNorm in float32, channels across lanes. Included once per target.

#include "kernels/simd/gemm-inl.h"

// One row of GELU(BN1(x)), `pixels` x C, with a zero pixel before and after it for the convolution's padding.
template <int Degree>
HWY_INLINE void ActivateRow(const float* x, const float* scale, const float* shift, int pixels, int channels,
                            float* padded) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  float* out = padded + channels;
  for (int c = 0; c < channels; c += lanes) {
    const V a = hn::LoadU(d, scale + c), b = hn::LoadU(d, shift + c);
    const auto count = static_cast<std::size_t>(channels - c);
    for (int p = 0; p < pixels; ++p) {
      const std::size_t at = static_cast<std::size_t>(p) * channels + c;
      StorePart<Fp32>(Gelu<Degree>(d, hn::MulAdd(LoadPart(x + at, count), a, b)), out + at, count);
    }
  }
}

// One row of g from three padded rows:  g[p] = GELU(bias + sum over taps (i, j) of w[i][j] row_i[p + j])
template <class F, int Degree>
HWY_INLINE void ConvolveRow(const float* const rows[3], const float* weights, const float* bias, int pixels,
                            int channels, typename F::Element* g, std::size_t g_stride) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (int c = 0; c < channels; c += lanes) {
    V w[9];
    Unroll(kUpTo<9>, [&](auto tap) SMLP_INLINE_LAMBDA {
      w[tap] = hn::LoadU(d, weights + static_cast<std::ptrdiff_t>(tap) * channels + c);
    });
    const V b = hn::LoadU(d, bias + c);
    const auto count = static_cast<std::size_t>(channels - c);
    for (int p = 0; p < pixels; ++p) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(p) * channels + c;
      V sum = b;
      Unroll(kUpTo<9>, [&](auto tap) SMLP_INLINE_LAMBDA {
        const float* pixel = rows[tap / 3] + at + static_cast<std::ptrdiff_t>(tap % 3) * channels;
        sum = hn::MulAdd(hn::LoadU(d, pixel), w[tap], sum);
      });
      StorePart<F>(Gelu<Degree>(d, sum), g + static_cast<std::size_t>(p) * g_stride + c, count);
    }
  }
}

// (x - mean) / sqrt(variance + epsilon) of each pixel, two passes so that nothing cancels.
template <class F>
HWY_INLINE void NormalizePixels(const float* x, int pixels, int channels, float epsilon, typename F::Element* out,
                                std::size_t out_stride) {
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const auto load = [&](int c) { return LoadPart(x + c, static_cast<std::size_t>(channels - c)); };
  for (int p = 0; p < pixels; ++p, x += channels, out += out_stride) {
    V sum = hn::Zero(d);
    for (int c = 0; c < channels; c += lanes) sum = hn::Add(sum, load(c));
    const float mean = hn::GetLane(hn::SumOfLanes(d, sum)) / static_cast<float>(channels);
    const V center = hn::Set(d, mean);
    V squares = hn::Zero(d);
    for (int c = 0; c < channels; c += lanes) {
      const V inside =
          hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(channels - c)), hn::Sub(load(c), center));
      squares = hn::MulAdd(inside, inside, squares);
    }
    const float variance = hn::GetLane(hn::SumOfLanes(d, squares)) / static_cast<float>(channels);
    const V scale = hn::Set(d, 1.0F / __builtin_sqrtf(variance + epsilon));
    for (int c = 0; c < channels; c += lanes) {
      const V y = hn::Mul(hn::Sub(load(c), center), scale);
      StorePart<F>(y, out + c, static_cast<std::size_t>(channels - c));
    }
  }
}
