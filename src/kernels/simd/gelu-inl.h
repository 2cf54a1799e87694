// GELU on vectors. Included once per target, inside the target's namespace.

// Error: GeluFit<Degree>::error plus a few roundings. NaN gives NaN; -inf gives -0 or 0, +inf gives +inf.
template <int Degree, class D, class V>
HWY_INLINE V Gelu(D d, V x) {
  using Fit = GeluFit<Degree>;
  const V t = hn::Min(hn::Abs(x), hn::Set(d, Fit::cut));
  const V u = hn::MulAdd(t, hn::Set(d, 2.0F / Fit::cut), hn::Set(d, -1.0F));
  V s = hn::Set(d, Fit::c[Degree]);
#pragma GCC unroll 32
  for (int i = Degree - 1; i >= 0; --i) s = hn::MulAdd(s, u, hn::Set(d, Fit::c[i]));
  // max(x, 0) by comparison: what hn::Max makes of a NaN differs between targets.
  return hn::NegMulAdd(t, s, hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x));
}
