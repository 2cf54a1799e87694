// The bytes of a tile instruction (Intel AMX) to what it asks for; encodings as in Intel's manual, volume 2, chapter 3.
//
//   [64] C4 RXBmmmmm WvvvvLpp opcode ModRM [SIB] [displacement]
//
// They all live in opcode map 0F38, which only the three-byte VEX prefix reaches; R, X, B and vvvv are stored inverted.
#pragma once

#include <cstdint>

namespace smlp::test {

enum class AmxOp : std::uint8_t {
  ldtilecfg,
  sttilecfg,
  tilerelease,
  tilezero,
  tileloadd,
  tileloaddt1,
  tilestored,
  tdpbf16ps,
  tdpbssd,
  tdpbsud,
  tdpbusd,
  tdpbuud,
};
inline constexpr int kAmxOps = 12;

const char* name_of(AmxOp op);

// What addresses are made of, when the instruction is met.
struct AmxRegisters {
  std::uint64_t general[16];  // in the order of their numbers: rax rcx rdx rbx rsp rbp rsi rdi r8 .. r15
  std::uint64_t rip, fs_base;
};

struct AmxInstruction {
  AmxOp op;
  int length;             // bytes
  int tile;               // ModRM.reg: the only tile, or the accumulator
  int a, b;               // products: ModRM.rm and VEX.vvvv
  std::uint64_t address;  // of a configuration or of a tile's first row
  std::uint64_t stride;   // bytes from row to row: the index register times the scale, 0 without one
};

// False where `code` begins no instruction of the list above. Reads no byte behind the instruction.
bool decode_amx(const std::uint8_t* code, const AmxRegisters& registers, AmxInstruction& instruction);

}  // namespace smlp::test
