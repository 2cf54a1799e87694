// The tiles of a thread and what each tile instruction does to them, as the "Operation" sections of Intel's manual say.
#pragma once

#include <cstdint>

#include "support/amx_decode.h"

namespace smlp::test {

// Rows and bytes beyond a tile's configured size are zero. All zero: no tile is configured.
struct AmxTiles {
  std::uint8_t palette;
  std::uint8_t rows[8];    // up to 16
  std::uint16_t colsb[8];  // bytes a row, up to 64
  alignas(64) std::uint8_t data[8][16][64];
};

// Null, or why a processor would raise a fault (#UD or #GP); the tiles are then unchanged. Memory is read and written
// as the instruction would, so that a bad address is a fault right here. Needs AVX-512.
const char* execute(const AmxInstruction& instruction, AmxTiles& tiles);

}  // namespace smlp::test
