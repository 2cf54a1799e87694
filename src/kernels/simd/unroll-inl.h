// Loops whose index is a constant, so that what they index can live in registers. Included once per target.

// Calls f(0), f(1), ...
template <int... I, class Call>
HWY_INLINE void Unroll(std::integer_sequence<int, I...>, Call f) {
  (f(std::integral_constant<int, I>()), ...);
}
template <int Count>
constexpr auto kUpTo = std::make_integer_sequence<int, Count>();

// Calls f(i, count) with count = kTogether vectors at a time, then the rest of [0, total) one by one. A chain of
// dependent operations leaves its unit waiting; a few side by side fill it.
constexpr int kTogether = 4;
template <class Call>
HWY_INLINE void InGroups(int total, Call f) {
  int i = 0;
  for (; i + kTogether <= total; i += kTogether) f(i, std::integral_constant<int, kTogether>());
  for (; i < total; ++i) f(i, std::integral_constant<int, 1>());
}
