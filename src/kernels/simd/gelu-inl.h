// GELU on vectors. Included once per target, inside the target's namespace.

#include "kernels/simd/unroll-inl.h"

#if HWY_TARGET <= HWY_AVX3
// Two lookups a coefficient leave half of the operations that a polynomial of one piece takes, and those that are left
// share the two ports of AVX-512 evenly. What follows is on raw vectors: vpermi2ps reads five bits of an index alone,
// vmaxps gives its second operand where one is NaN.
template <int Degree, int Count, class D, class V>
HWY_INLINE void GeluByTable(D d, V (&x)[Count]) {
  using Table = GeluTable<Degree>;
  constexpr float kToInteger = 0x1p23F;  // what is added to it is rounded to an integer, in the lowest bits
  V t[Count], s[Count];
  __m512i segment[Count];
  Unroll(kUpTo<Count>, [&](auto n) SMLP_INLINE_LAMBDA {
    t[n] = hn::Min(hn::Abs(x[n]), hn::Set(d, Table::cut));
    segment[n] = _mm512_castps_si512(hn::MulAdd(t[n], hn::Set(d, 31 / Table::cut), hn::Set(d, kToInteger)).raw);
  });
  Unroll(kUpTo<Table::powers>, [&](auto i) SMLP_INLINE_LAMBDA {
    constexpr int kPower = Table::powers - 1 - decltype(i)::value;
    const V low = hn::LoadU(d, Table::c[kPower]), high = hn::LoadU(d, Table::c[kPower] + 16);
    Unroll(kUpTo<Count>, [&](auto n) SMLP_INLINE_LAMBDA {
      const V c{_mm512_permutex2var_ps(low.raw, segment[n], high.raw)};
      s[n] = kPower == Table::powers - 1 ? c : hn::MulAdd(s[n], t[n], c);
    });
  });
  Unroll(kUpTo<Count>, [&](auto n) SMLP_INLINE_LAMBDA {
    x[n] = hn::NegMulAdd(t[n], s[n], V{_mm512_max_ps(_mm512_setzero_ps(), x[n].raw)});
  });
}
#endif

// Of `Count` vectors side by side. Error: GeluFit<Degree>::error plus a few roundings. NaN gives NaN; -inf gives -0 or
// 0, +inf gives +inf.
template <int Degree, int Count, class D, class V>
HWY_INLINE void Gelu(D d, V (&x)[Count]) {
#if HWY_TARGET <= HWY_AVX3
  if constexpr (Degree <= 9) return GeluByTable<Degree>(d, x);
#endif
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
