// GELU on vectors. Included once per target, inside the target's namespace.

#include "kernels/simd/unroll-inl.h"

// Of `Count` vectors side by side. Error: GeluFit<Degree>::error plus a few roundings. NaN gives NaN; -inf gives -0 or
// 0, +inf gives +inf.
template <int Degree, int Count, class D, class V>
HWY_INLINE void Gelu(D d, V (&x)[Count]) {
  using Fit = GeluFit<Degree>;
  V t[Count], u[Count], s[Count];
  Unroll(kUpTo<Count>, [&](auto n) SMLP_INLINE_LAMBDA {
    t[n] = hn::Min(hn::Abs(x[n]), hn::Set(d, Fit::cut));
    u[n] = hn::MulAdd(t[n], hn::Set(d, 2.0F / Fit::cut), hn::Set(d, -1.0F));
    s[n] = hn::Set(d, Fit::c[Degree]);
  });
  Unroll(kUpTo<Degree>, [&](auto i) SMLP_INLINE_LAMBDA {
    const V c = hn::Set(d, Fit::c[Degree - 1 - i]);
    Unroll(kUpTo<Count>, [&](auto n) SMLP_INLINE_LAMBDA { s[n] = hn::MulAdd(s[n], u[n], c); });
  });
  // max(x, 0) by comparison: what hn::Max makes of a NaN differs between targets.
  Unroll(kUpTo<Count>, [&](auto n) SMLP_INLINE_LAMBDA {
    x[n] = hn::NegMulAdd(t[n], s[n], hn::IfThenZeroElse(hn::Lt(x[n], hn::Zero(d)), x[n]));
  });
}
