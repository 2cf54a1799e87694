// Every way to write an address in a tile instruction, and all tiles. The assembler is the oracle of the encodings.
#include <cstring>
#include <numeric>

#include "amx_support.h"

namespace smlp::test {
namespace {

using AmxAddressing = AmxTest;

constexpr int kRows = 5, kColsb = 24, kStride = 40;

std::vector<std::uint8_t> counting(int count) {
  std::vector<std::uint8_t> bytes(count);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
  return bytes;
}

// The tile's rows one after the other, without gaps.
std::vector<std::uint8_t> rows_at(const std::uint8_t* first_row, std::int64_t stride) {
  std::vector<std::uint8_t> rows;
  for (int r = 0; r < kRows; ++r) {
    rows.insert(rows.end(), first_row + r * stride, first_row + r * stride + kColsb);
  }
  return rows;
}

template <int kTile>
std::vector<std::uint8_t> tile_rows() {
  std::vector<std::uint8_t> rows(kRows * kColsb);
  store_tile<kTile>(rows.data(), kColsb);
  return rows;
}

// Loads tile 2 from BASE + DISPLACEMENT, rows INDEX * SCALE apart.
#define EXPECT_LOADS(BASE, INDEX, SCALE, DISPLACEMENT)                                                              \
  do {                                                                                                              \
    zero_tile<2>();                                                                                                 \
    __asm__ volatile("mov %0, %%" BASE "\n\tmov %1, %%" INDEX "\n\ttileloadd " #DISPLACEMENT "(%%" BASE ",%%" INDEX \
                     "," #SCALE                                                                                     \
                     "), %%tmm2" ::"r"(reinterpret_cast<std::int64_t>(memory.data()) + 256 - (DISPLACEMENT)),       \
                     "r"(std::int64_t{kStride / (SCALE)})                                                           \
                     : BASE, INDEX, "memory");                                                                      \
    EXPECT_EQ(tile_rows<2>(), rows_at(memory.data() + 256, kStride)) << BASE << " " << INDEX << " " << SCALE;       \
  } while (false)

TEST_F(AmxAddressing, EveryBaseAndIndexRegisterOfATile) {
  const std::vector<std::uint8_t> memory = counting(512);
  load_config(all_tiles(kRows, kColsb));
  EXPECT_LOADS("rax", "rcx", 1, 0);
  EXPECT_LOADS("rcx", "rdx", 2, 8);
  EXPECT_LOADS("rdx", "rsi", 4, -8);
  EXPECT_LOADS("rsi", "rdi", 8, 127);
  EXPECT_LOADS("rdi", "r8", 1, -128);
  EXPECT_LOADS("r8", "r9", 2, 128);
  EXPECT_LOADS("r9", "r10", 4, -129);
  EXPECT_LOADS("r10", "r12", 8, 0x12345);
  EXPECT_LOADS("r12", "r13", 1, 0);  // as a base, r12 is rsp's neighbour in the encoding ...
  EXPECT_LOADS("r13", "r14", 2, 0);  // ... and r13 is rbp's
  EXPECT_LOADS("r13", "r14", 4, 16);
  EXPECT_LOADS("r14", "r15", 8, -0x54321);
  EXPECT_LOADS("r15", "rax", 1, 0);
  EXPECT_LOADS("rax", "r12", 1, 0);  // as an index, r12 is a register where rsp would be none
  release();
}

TEST_F(AmxAddressing, FramePointerAsBaseAndAsIndex) {
  const std::vector<std::uint8_t> memory = counting(512);
  load_config(all_tiles(kRows, kColsb));
  zero_tile<3>();
  zero_tile<4>();
  __asm__ volatile(
      "mov %%rbp, %%r11\n\t"
      "mov %0, %%rbp\n\t"
      "tileloadd (%%rbp,%1), %%tmm3\n\t"
      "mov %1, %%rbp\n\t"
      "tileloadd 3(%0,%%rbp), %%tmm4\n\t"
      "mov %%r11, %%rbp" ::"r"(memory.data()),
      "r"(std::int64_t{kStride})
      : "r11", "memory");
  EXPECT_EQ(tile_rows<3>(), rows_at(memory.data(), kStride));
  EXPECT_EQ(tile_rows<4>(), rows_at(memory.data() + 3, kStride));
  release();
}

TEST_F(AmxAddressing, StackPointerAsBase) {
  const std::vector<std::uint8_t> memory = counting(kRows * kStride);
  load_config(all_tiles(kRows, kColsb));
  zero_tile<5>();
  __asm__ volatile(
      "lea -4096(%%rsp), %%rsp\n\t"
      "lea 16(%%rsp), %%rdi\n\t"
      "mov %0, %%rsi\n\t"
      "mov %1, %%rcx\n\t"
      "rep movsb\n\t"
      "tileloadd 16(%%rsp,%2), %%tmm5\n\t"
      "lea 4096(%%rsp), %%rsp" ::"r"(memory.data()),
      "r"(memory.size()), "r"(std::int64_t{kStride})
      : "rsi", "rdi", "rcx", "memory");
  EXPECT_EQ(tile_rows<5>(), rows_at(memory.data(), kStride));
  release();
}

TEST_F(AmxAddressing, WithoutAnIndexAllRowsAreTheSameWithANegativeOneTheyGoBackwards) {
  const std::vector<std::uint8_t> memory = counting(512);
  load_config(all_tiles(kRows, kColsb));
  __asm__ volatile("tileloadd 7(%0), %%tmm6" ::"r"(memory.data()) : "memory");
  EXPECT_EQ(tile_rows<6>(), rows_at(memory.data() + 7, 0));
  load_tile<7>(memory.data() + 300, -kStride);
  EXPECT_EQ(tile_rows<7>(), rows_at(memory.data() + 300, -kStride));
  __asm__ volatile("tileloaddt1 (%0,%1,2), %%tmm7" ::"r"(memory.data()), "r"(std::int64_t{16}) : "memory");
  EXPECT_EQ(tile_rows<7>(), rows_at(memory.data(), 32));
  release();
}

TEST_F(AmxAddressing, EveryTileKeepsItsOwn) {
  const std::vector<std::uint8_t> memory = counting(512);
  load_config(all_tiles(kRows, kColsb));
  load_tile<0>(memory.data() + 0, kStride);
  load_tile<1>(memory.data() + 1, kStride);
  load_tile<2>(memory.data() + 2, kStride);
  load_tile<3>(memory.data() + 3, kStride);
  load_tile<4>(memory.data() + 4, kStride);
  load_tile<5>(memory.data() + 5, kStride);
  load_tile<6>(memory.data() + 6, kStride);
  load_tile<7>(memory.data() + 7, kStride);
  zero_tile<6>();
  const std::vector<std::uint8_t> got[8] = {tile_rows<0>(), tile_rows<1>(), tile_rows<2>(), tile_rows<3>(),
                                            tile_rows<4>(), tile_rows<5>(), tile_rows<6>(), tile_rows<7>()};
  for (int t = 0; t < 8; ++t) {
    EXPECT_EQ(got[t], t == 6 ? std::vector<std::uint8_t>(kRows * kColsb) : rows_at(memory.data() + t, kStride)) << t;
  }
  release();
}

TEST_F(AmxAddressing, AStoreWritesTheTileAndNothingBetweenItsRows) {
  const std::vector<std::uint8_t> memory = counting(512);
  load_config(all_tiles(kRows, kColsb));
  load_tile<1>(memory.data(), kStride);
  std::vector<std::uint8_t> got(512, 0xee), want = got;
  __asm__ volatile("tilestored %%tmm1, 33(%0,%1,8)" ::"r"(got.data()), "r"(std::int64_t{9}) : "memory");
  for (int r = 0; r < kRows; ++r) std::memcpy(&want[33 + 72 * r], &memory[kStride * r], kColsb);
  EXPECT_EQ(got, want);
  release();
}

alignas(64) constinit std::uint8_t of_this_file[64] = {1};
alignas(64) constinit thread_local std::uint8_t of_this_thread[64] = {1};

// Loads a configuration that gives tile 0 so many rows, and looks for them.
#define EXPECT_CONFIGURES(ROWS, CODE, ...)                                \
  do {                                                                    \
    at[48] = ROWS;                                                        \
    __asm__ volatile(CODE ::__VA_ARGS__ : "memory", "r11", "r12", "r13"); \
    EXPECT_EQ(stored_config()[48], ROWS) << CODE;                         \
  } while (false)

TEST_F(AmxAddressing, EveryWayToNameAConfiguration) {
  std::vector<std::uint8_t> configs(64);
  std::uint8_t* at = configs.data();
  at[0] = 1;
  at[16] = 64;
  const auto address = reinterpret_cast<std::int64_t>(at);
  const std::int64_t three = 3;
  EXPECT_CONFIGURES(1, "ldtilecfg (%0)", "a"(address));
  EXPECT_CONFIGURES(2, "ldtilecfg -128(%0)", "c"(address + 128));
  EXPECT_CONFIGURES(3, "ldtilecfg 0x1000(%0)", "D"(address - 0x1000));
  EXPECT_CONFIGURES(4, "ldtilecfg (%0,%1,8)", "a"(address - 24), "d"(three));
  EXPECT_CONFIGURES(5, "ldtilecfg 5(%0,%1,4)", "S"(address - 17), "d"(three));
  EXPECT_CONFIGURES(6, "ldtilecfg 0x40(,%0,1)", "a"(address - 0x40));
  EXPECT_CONFIGURES(7, "mov %0, %%r12\n\tldtilecfg (%%r12)", "a"(address));
  EXPECT_CONFIGURES(8, "mov %0, %%r13\n\tldtilecfg (%%r13)", "a"(address));
  EXPECT_CONFIGURES(9, "mov %0, %%r11\n\tmov %1, %%r12\n\tldtilecfg (%%r11,%%r12,2)", "a"(address - 6), "d"(three));
  at = of_this_file;
  at[16] = 64;
  EXPECT_CONFIGURES(10, "ldtilecfg %0", "m"(of_this_file));  // from the next instruction on
  at = of_this_thread;
  at[16] = 64;
  EXPECT_CONFIGURES(11, "ldtilecfg %0", "m"(of_this_thread));  // from the thread's segment on

  alignas(64) std::uint8_t stored[64 + 8] = {};
  __asm__ volatile("sttilecfg 8(%0)" ::"r"(stored) : "memory");
  EXPECT_EQ(std::memcmp(stored + 8, of_this_thread, 64), 0);
  release();
}

}  // namespace
}  // namespace smlp::test
