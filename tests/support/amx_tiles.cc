#include "support/amx_tiles.h"

#include <immintrin.h>

#include <cstring>
#include <initializer_list>

namespace smlp::test {
namespace {

// A configuration in memory: 0 palette, 1 start row, 16 colsb of eight tiles (16 bits each), 48 rows; the rest is zero.
constexpr int kConfigBytes = 64, kColsb = 16, kRows = 48;

bool is_zero(const std::uint8_t* bytes, int from, int to) {
  for (int i = from; i < to; ++i) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

const char* load_config(const void* address, AmxTiles& tiles) {
  std::uint8_t bytes[kConfigBytes];
  std::memcpy(bytes, address, sizeof(bytes));
  AmxTiles read = {};
  read.palette = bytes[0];
  if (read.palette > 1) return "#GP: there are palettes 0 and 1 only";
  if (read.palette == 1) {
    if (bytes[1] != 0) return "a start row other than 0 is not emulated";
    if (!is_zero(bytes, 2, kColsb) || !is_zero(bytes, kColsb + 16, kRows) || !is_zero(bytes, kRows + 8, kConfigBytes)) {
      return "#GP: reserved bytes of the configuration are not zero";
    }
    std::memcpy(read.colsb, bytes + kColsb, sizeof(read.colsb));
    std::memcpy(read.rows, bytes + kRows, sizeof(read.rows));
    for (int t = 0; t < 8; ++t) {
      if (read.colsb[t] > 64 || read.rows[t] > 16) return "#GP: a tile has more than 16 rows or 64 bytes a row";
      if ((read.colsb[t] == 0) != (read.rows[t] == 0)) return "#GP: a tile has rows without columns, or the reverse";
    }
  }
  tiles = read;
  return nullptr;
}

void store_config(void* address, const AmxTiles& tiles) {
  std::uint8_t bytes[kConfigBytes] = {tiles.palette};
  std::memcpy(bytes + kColsb, tiles.colsb, sizeof(tiles.colsb));
  std::memcpy(bytes + kRows, tiles.rows, sizeof(tiles.rows));
  std::memcpy(address, bytes, sizeof(bytes));
}

const char* check_tile(const AmxTiles& tiles, int t) {
  if (tiles.palette == 0) return "#UD: no tiles are configured";
  if (tiles.rows[t] == 0) return "#UD: the tile is not configured";
  return nullptr;
}

const char* check_move(const AmxTiles& tiles, int t) {
  if (const char* fault = check_tile(tiles, t)) return fault;
  return tiles.colsb[t] % 4 != 0 ? "#UD: the tile's row is no multiple of 4 bytes" : nullptr;
}

void load(const AmxInstruction& i, AmxTiles& tiles) {
  std::uint8_t rows[16][64] = {};
  for (int r = 0; r < tiles.rows[i.tile]; ++r) {
    std::memcpy(rows[r], reinterpret_cast<const void*>(i.address + i.stride * r), tiles.colsb[i.tile]);
  }
  std::memcpy(tiles.data[i.tile], rows, sizeof(rows));
}

void store(const AmxInstruction& i, const AmxTiles& tiles) {
  for (int r = 0; r < tiles.rows[i.tile]; ++r) {
    std::memcpy(reinterpret_cast<void*>(i.address + i.stride * r), tiles.data[i.tile][r], tiles.colsb[i.tile]);
  }
}

// Accumulator (M rows, 4N bytes) += A (M, 4K) B (K, 4N): each 4 bytes of A and B are a pair of bfloat16 or four bytes.
const char* check_product(const AmxInstruction& i, const AmxTiles& tiles) {
  if (i.tile == i.a || i.tile == i.b || i.a == i.b) return "#UD: the three tiles are not distinct";
  for (const int t : {i.tile, i.a, i.b}) {
    if (const char* fault = check_move(tiles, t)) return fault;
  }
  if (tiles.rows[i.tile] != tiles.rows[i.a]) return "#UD: rows of the accumulator and of A differ";
  if (tiles.colsb[i.tile] != tiles.colsb[i.b]) return "#UD: columns of the accumulator and of B differ";
  if (tiles.colsb[i.a] / 4 != tiles.rows[i.b]) return "#UD: columns of A and rows of B differ";
  return nullptr;
}

// Two sums a column, of the even and of the odd products; then the two together; then the accumulator.
__attribute__((noinline, target("avx512f"))) void add_bf16_products(const AmxInstruction& i, AmxTiles& tiles) {
  const auto columns = static_cast<__mmask16>((1U << tiles.colsb[i.tile] / 4) - 1U);
  const __m512i odd_half = _mm512_set1_epi32(static_cast<int>(0xffff0000U));
  for (int m = 0; m < tiles.rows[i.tile]; ++m) {
    __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
    for (int k = 0; k < tiles.colsb[i.a] / 4; ++k) {
      int pair = 0;
      std::memcpy(&pair, &tiles.data[i.a][m][4 * k], 4);
      const __m512i a = _mm512_set1_epi32(pair), b = _mm512_load_si512(tiles.data[i.b][k]);
      even = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(a, 16)),
                             _mm512_castsi512_ps(_mm512_slli_epi32(b, 16)), even);
      odd = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(a, odd_half)),
                            _mm512_castsi512_ps(_mm512_and_si512(b, odd_half)), odd);
    }
    float* const row = reinterpret_cast<float*>(tiles.data[i.tile][m]);
    _mm512_mask_store_ps(row, columns, _mm512_add_ps(_mm512_load_ps(row), _mm512_add_ps(even, odd)));
  }
}

// To nearest even, subnormal inputs and results as zero, whatever MXCSR says.
void multiply_bf16(const AmxInstruction& i, AmxTiles& tiles) {
  constexpr unsigned kFlushAndMask = 0x9fc0;
  const unsigned saved = _mm_getcsr();
  _mm_setcsr(kFlushAndMask);
  add_bf16_products(i, tiles);
  _mm_setcsr(saved);
}

template <class A, class B>
void multiply_bytes(const AmxInstruction& i, AmxTiles& tiles) {
  const int columns = tiles.colsb[i.tile] / 4;
  for (int m = 0; m < tiles.rows[i.tile]; ++m) {
    std::uint32_t sums[16];  // wraps around
    std::memcpy(sums, tiles.data[i.tile][m], sizeof(sums));
    for (int k = 0; k < tiles.colsb[i.a]; ++k) {
      const int a = static_cast<A>(tiles.data[i.a][m][k]);
      const std::uint8_t* const b = tiles.data[i.b][k / 4] + k % 4;
      for (int n = 0; n < columns; ++n) sums[n] += static_cast<std::uint32_t>(a * static_cast<B>(b[4 * n]));
    }
    std::memcpy(tiles.data[i.tile][m], sums, sizeof(sums));
  }
}

}  // namespace

const char* execute(const AmxInstruction& i, AmxTiles& tiles) {
  const char* fault = nullptr;
  switch (i.op) {
    case AmxOp::ldtilecfg:
      return load_config(reinterpret_cast<const void*>(i.address), tiles);
    case AmxOp::sttilecfg:
      store_config(reinterpret_cast<void*>(i.address), tiles);
      return nullptr;
    case AmxOp::tilerelease:
      tiles = {};
      return nullptr;
    case AmxOp::tilezero:
      fault = check_tile(tiles, i.tile);
      if (!fault) std::memset(tiles.data[i.tile], 0, sizeof(tiles.data[i.tile]));
      return fault;
    case AmxOp::tileloadd:
    case AmxOp::tileloaddt1:
      fault = check_move(tiles, i.tile);
      if (!fault) load(i, tiles);
      return fault;
    case AmxOp::tilestored:
      fault = check_move(tiles, i.tile);
      if (!fault) store(i, tiles);
      return fault;
    default:
      break;
  }
  if ((fault = check_product(i, tiles))) return fault;
  using Signed = std::int8_t;
  using Unsigned = std::uint8_t;
  if (i.op == AmxOp::tdpbf16ps) multiply_bf16(i, tiles);
  if (i.op == AmxOp::tdpbssd) multiply_bytes<Signed, Signed>(i, tiles);
  if (i.op == AmxOp::tdpbsud) multiply_bytes<Signed, Unsigned>(i, tiles);
  if (i.op == AmxOp::tdpbusd) multiply_bytes<Unsigned, Signed>(i, tiles);
  if (i.op == AmxOp::tdpbuud) multiply_bytes<Unsigned, Unsigned>(i, tiles);
  return nullptr;
}

}  // namespace smlp::test
