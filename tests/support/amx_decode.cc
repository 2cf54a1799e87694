#include "support/amx_decode.h"

#include <cstring>

namespace smlp::test {
namespace {

enum Prefix { kNone = 0, k66 = 1, kF3 = 2, kF2 = 3 };  // VEX.pp

enum class Operands { memory, tile_memory, tile, products, none };

struct Encoding {
  AmxOp op;
  std::uint8_t opcode, prefix;
  Operands operands;
};

// Rows of the same opcode and prefix differ in ModRM.mod.
constexpr Encoding kEncodings[] = {
    {AmxOp::ldtilecfg, 0x49, kNone, Operands::memory},       //
    {AmxOp::sttilecfg, 0x49, k66, Operands::memory},         //
    {AmxOp::tilerelease, 0x49, kNone, Operands::none},       //
    {AmxOp::tilezero, 0x49, kF2, Operands::tile},            //
    {AmxOp::tileloadd, 0x4b, kF2, Operands::tile_memory},    //
    {AmxOp::tileloaddt1, 0x4b, k66, Operands::tile_memory},  //
    {AmxOp::tilestored, 0x4b, kF3, Operands::tile_memory},   //
    {AmxOp::tdpbf16ps, 0x5c, kF3, Operands::products},       //
    {AmxOp::tdpbssd, 0x5e, kF2, Operands::products},         //
    {AmxOp::tdpbsud, 0x5e, kF3, Operands::products},         //
    {AmxOp::tdpbusd, 0x5e, k66, Operands::products},         //
    {AmxOp::tdpbuud, 0x5e, kNone, Operands::products},       //
};

struct Vex {
  int r, x, b;  // 8 where the register's number has its fourth bit set
  int vvvv, prefix;
};

struct ModRm {
  int mod, reg, rm;
  bool memory() const { return mod != 3; }
};

bool fits(const Encoding& e, const Vex& vex, const ModRm& m) {
  switch (e.operands) {
    case Operands::memory:
      return m.memory() && m.reg == 0 && vex.vvvv == 0;
    case Operands::tile_memory:
      return m.memory() && m.rm == 4 && vex.r == 0 && vex.vvvv == 0;  // only with a SIB byte
    case Operands::tile:
      return !m.memory() && m.rm == 0 && vex.r == 0 && vex.vvvv == 0;
    case Operands::products:
      return !m.memory() && vex.r == 0 && vex.b == 0 && vex.vvvv < 8;
    case Operands::none:
      return !m.memory() && m.reg == 0 && m.rm == 0 && vex.vvvv == 0;
  }
  return false;
}

const Encoding* find(std::uint8_t opcode, const Vex& vex, const ModRm& m) {
  for (const Encoding& e : kEncodings) {
    if (e.opcode == opcode && e.prefix == vex.prefix && fits(e, vex, m)) return &e;
  }
  return nullptr;
}

std::int64_t displacement(const std::uint8_t*& code, int bytes) {
  std::int32_t value = 0;
  if (bytes == 1) value = static_cast<std::int8_t>(*code);
  if (bytes == 4) std::memcpy(&value, code, 4);
  code += bytes;
  return value;
}

struct Address {
  std::uint64_t base = 0, index = 0;
  bool from_next_instruction = false;
};

// `code` stands behind ModRM and is moved behind the displacement.
Address read_address(const std::uint8_t*& code, const Vex& vex, const ModRm& m, const AmxRegisters& registers) {
  Address address;
  int bytes = m.mod == 1 ? 1 : m.mod == 2 ? 4 : 0;
  if (m.rm == 4) {
    const int sib = *code++, index = (sib >> 3 & 7) | vex.x;
    if (index != 4) address.index = registers.general[index] << (sib >> 6);
    if ((sib & 7) == 5 && m.mod == 0) {
      bytes = 4;
    } else {
      address.base = registers.general[(sib & 7) | vex.b];
    }
  } else if (m.rm == 5 && m.mod == 0) {
    bytes = 4;
    address.from_next_instruction = true;
  } else {
    address.base = registers.general[m.rm | vex.b];
  }
  address.base += displacement(code, bytes);
  return address;
}

}  // namespace

const char* name_of(AmxOp op) {
  constexpr const char* kNames[kAmxOps] = {"LDTILECFG", "STTILECFG",   "TILERELEASE", "TILEZERO",
                                           "TILELOADD", "TILELOADDT1", "TILESTORED",  "TDPBF16PS",
                                           "TDPBSSD",   "TDPBSUD",     "TDPBUSD",     "TDPBUUD"};
  return kNames[static_cast<int>(op)];
}

bool decode_amx(const std::uint8_t* code, const AmxRegisters& registers, AmxInstruction& instruction) {
  const std::uint8_t* const start = code;
  const bool fs = *code == 0x64;
  if (fs) ++code;
  if (code[0] != 0xc4 || (code[1] & 0x1f) != 2 || (code[2] & 0x84) != 0) return false;  // map 0F38, W0, 128 bits
  const int inverted1 = ~code[1], inverted2 = ~code[2];
  const Vex vex{inverted1 >> 4 & 8, inverted1 >> 3 & 8, inverted1 >> 2 & 8, inverted2 >> 3 & 15, code[2] & 3};
  const ModRm modrm{code[4] >> 6, code[4] >> 3 & 7, code[4] & 7};
  const Encoding* const encoding = find(code[3], vex, modrm);
  if (!encoding) return false;
  code += 5;

  instruction = {
      .op = encoding->op, .length = 0, .tile = modrm.reg, .a = modrm.rm, .b = vex.vvvv, .address = 0, .stride = 0};
  if (modrm.memory()) {
    const Address address = read_address(code, vex, modrm, registers);
    instruction.address = address.base + (fs ? registers.fs_base : 0);
    if (address.from_next_instruction) instruction.address += registers.rip + (code - start);
    if (encoding->operands == Operands::memory) {
      instruction.address += address.index;
    } else {
      instruction.stride = address.index;
    }
  }
  instruction.length = static_cast<int>(code - start);
  return true;
}

}  // namespace smlp::test
