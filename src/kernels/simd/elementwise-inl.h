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
    InGroups(pixels, [&](int p, auto together) SMLP_INLINE_LAMBDA {
      constexpr int kCount = decltype(together)::value;
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(p) * channels + c;
      V v[kCount];
      Unroll(kUpTo<kCount>,
             [&](auto n) SMLP_INLINE_LAMBDA { v[n] = hn::MulAdd(LoadPart(x + at + n * channels, count), a, b); });
      Gelu<Degree>(d, v);
      Unroll(kUpTo<kCount>, [&](auto n) SMLP_INLINE_LAMBDA { StorePart<Fp32>(v[n], out + at + n * channels, count); });
    });
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
    InGroups(pixels, [&](int p, auto together) SMLP_INLINE_LAMBDA {
      constexpr int kCount = decltype(together)::value;
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(p) * channels + c;
      V sum[kCount];
      Unroll(kUpTo<kCount>, [&](auto n) SMLP_INLINE_LAMBDA { sum[n] = b; });
      Unroll(kUpTo<9>, [&](auto tap) SMLP_INLINE_LAMBDA {
        const float* pixel = rows[tap / 3] + at + static_cast<std::ptrdiff_t>(tap % 3) * channels;
        Unroll(kUpTo<kCount>, [&](auto n) SMLP_INLINE_LAMBDA {
          sum[n] = hn::MulAdd(hn::LoadU(d, pixel + n * channels), w[tap], sum[n]);
        });
      });
      Gelu<Degree>(d, sum);
      Unroll(kUpTo<kCount>, [&](auto n) SMLP_INLINE_LAMBDA {
        StorePart<F>(sum[n], g + static_cast<std::size_t>(p + n) * g_stride + c, count);
      });
    });
  }
}

// A pixel's (x - mean) * scale.
template <class Sink>
HWY_INLINE void PutNormalized(const float* x, int channels, V mean, V scale, int pixel, const Sink& sink) {
  const int lanes = static_cast<int>(hn::Lanes(D()));
  for (int c = 0; c < channels; c += lanes) {
    const auto count = static_cast<std::size_t>(channels - c);
    sink.Put(hn::Mul(hn::Sub(LoadPart(x + c, count), mean), scale), pixel, c, count);
  }
}

// (x - mean) / sqrt(variance + epsilon) of each pixel, two passes so that nothing cancels.
template <class Sink>
HWY_INLINE void NormalizePixels(const float* x, int pixels, int channels, float epsilon, const Sink& sink) {
  const Sink own = sink;
  const D d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const float per_channel = static_cast<float>(channels);
  InGroups(pixels, [&](int p, auto together) SMLP_INLINE_LAMBDA {
    constexpr int kCount = decltype(together)::value;
    const float* from = x + static_cast<std::ptrdiff_t>(p) * channels;
    V total[kCount], mean[kCount], scale[kCount];
    const auto load = [&](auto n, int c) SMLP_INLINE_LAMBDA {
      return LoadPart(from + n * channels + c, static_cast<std::size_t>(channels - c));
    };
    Unroll(kUpTo<kCount>, [&](auto n) SMLP_INLINE_LAMBDA { total[n] = hn::Zero(d); });
    for (int c = 0; c < channels; c += lanes) {
      Unroll(kUpTo<kCount>, [&](auto n) SMLP_INLINE_LAMBDA { total[n] = hn::Add(total[n], load(n, c)); });
    }
    Unroll(kUpTo<kCount>, [&](auto n) SMLP_INLINE_LAMBDA {
      mean[n] = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, total[n])) / per_channel);
      total[n] = hn::Zero(d);
    });
    for (int c = 0; c < channels; c += lanes) {
      const auto inside = hn::FirstN(d, static_cast<std::size_t>(channels - c));
      Unroll(kUpTo<kCount>, [&](auto n) SMLP_INLINE_LAMBDA {
        const V off = hn::IfThenElseZero(inside, hn::Sub(load(n, c), mean[n]));
        total[n] = hn::MulAdd(off, off, total[n]);
      });
    }
    Unroll(kUpTo<kCount>, [&](auto n) SMLP_INLINE_LAMBDA {
      const float variance = hn::GetLane(hn::SumOfLanes(d, total[n])) / per_channel;
      scale[n] = hn::Set(d, 1.0F / __builtin_sqrtf(variance + epsilon));
    });
    Unroll(kUpTo<kCount>, [&](auto n) SMLP_INLINE_LAMBDA {
      PutNormalized(from + n * channels, channels, mean[n], scale[n], p + n, own);
    });
  });
}
