// SHA-256 by the processor's own instructions. Compiled for them, so that nothing but data is seen from outside.
#include <immintrin.h>

#include "base/sha256_blocks.h"

namespace smlp {
namespace {

__m128i load(const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); }
void store(void* at, __m128i value) { _mm_storeu_si128(static_cast<__m128i*>(at), value); }

// Words t to t+3 of the schedule from the sixteen before: w0 is t-16 to t-13, w3 t-4 to t-1.
__m128i next_words(__m128i w0, __m128i w1, __m128i w2, __m128i w3) {
  return _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4)), w3);
}

// The instructions hold the eight words of the state as (a b e f) and (c d g h), the first in the highest lane.
void add(std::uint32_t state[8], const std::uint8_t* data, std::size_t blocks) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i badc = _mm_shuffle_epi32(load(state), 0xB1), hgfe = _mm_shuffle_epi32(load(state + 4), 0x1B);
  __m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xF0);
  for (; blocks > 0; --blocks, data += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    for (int i = 0; i < 4; ++i) w[i] = _mm_shuffle_epi8(load(data + 16 * i), big_endian);
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) {  // four rounds each
      if (r >= 4) w[r % 4] = next_words(w[r % 4], w[(r + 1) % 4], w[(r + 2) % 4], w[(r + 3) % 4]);
      const __m128i sum = _mm_add_epi32(w[r % 4], load(sha256_rounds + 4 * r));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1B), dchg = _mm_shuffle_epi32(cdgh, 0xB1);
  store(state, _mm_blend_epi16(feba, dchg, 0xF0));
  store(state + 4, _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

constinit const Sha256Blocks sha256_x86 = {add};

}  // namespace smlp
