// Tiles for tests: on the processor's own where it has them, otherwise on the emulator's.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

#include "base/cpu_features.h"
#include "support/amx_emulator.h"

namespace smlp::test {

class AmxTest : public testing::Test {
 protected:
  void SetUp() override {
    emulated_ = install_amx_emulator();
    if (!emulated_ && !cpu_features().amx_bf16) {
      GTEST_SKIP() << cpu_features().why_not_amx_bf16 << "; for the emulator, " << cpu_features().why_not_avx512;
    }
  }
  bool emulated_ = false;
};

// What LDTILECFG reads. The compiler may drop what it thinks nobody reads, hence the volatile.
struct TileConfig {
  alignas(64) volatile std::uint8_t bytes[64] = {1};
  TileConfig& set(int tile, int rows, int colsb) {
    bytes[16 + 2 * tile] = static_cast<std::uint8_t>(colsb);
    bytes[48 + tile] = static_cast<std::uint8_t>(rows);
    return *this;
  }
};

inline TileConfig all_tiles(int rows, int colsb) {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) config.set(tile, rows, colsb);
  return config;
}

inline void load_config(const TileConfig& config) { __asm__ volatile("ldtilecfg %0" ::"m"(config.bytes)); }

inline std::array<std::uint8_t, 64> stored_config() {
  std::array<std::uint8_t, 64> bytes;
  bytes.fill(0xee);
  __asm__ volatile("sttilecfg %0" : "=m"(bytes));
  return bytes;
}

inline void release() { __asm__ volatile("tilerelease"); }

template <int kTile>
void load_tile(const void* first_row, std::int64_t stride) {
  __asm__ volatile("tileloadd (%0,%1), %%tmm%c2" ::"r"(first_row), "r"(stride), "i"(kTile) : "memory");
}

template <int kTile>
void store_tile(void* first_row, std::int64_t stride) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1)" ::"r"(first_row), "r"(stride), "i"(kTile) : "memory");
}

template <int kTile>
void zero_tile() {
  __asm__ volatile("tilezero %%tmm%c0" ::"i"(kTile));
}

}  // namespace smlp::test
