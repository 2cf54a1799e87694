// What a processor refuses ends the process; the emulator says why before.
#include <signal.h>
#include <unistd.h>

#include "amx_support.h"
#include "support/sanitizers.h"

namespace smlp::test {
namespace {

constexpr int kOtherHandler = 42;  // exit status

void exit_of_other_handler(int) { ::_exit(kOtherHandler); }

// There before the emulator, which must pass on what isn't its own.
const bool other_handler_installed = [] {
  struct sigaction action = {};
  action.sa_handler = exit_of_other_handler;
  return ::sigaction(SIGILL, &action, nullptr) == 0;
}();

using AmxFault = AmxTest;

// SIGILL for #UD; #GP is a SIGSEGV of the processor's own. The handler above may see the processor's SIGILL.
struct Ended {
  bool emulated;
  bool operator()(int status) const {
    if (emulated) return testing::KilledBySignal(SIGILL)(status);
    if (SMLP_UNDER_SANITIZER && testing::ExitedWithCode(1)(status)) return true;  // its handler reports the SIGSEGV
    return testing::KilledBySignal(SIGSEGV)(status) || testing::ExitedWithCode(kOtherHandler)(status);
  }
};

// Only the emulator gives a reason.
#define EXPECT_FAULT(STATEMENT, REASON) EXPECT_EXIT(STATEMENT, Ended{emulated_}, emulated_ ? REASON : "")

void load_bytes(int at, int value) {
  TileConfig config = all_tiles(16, 64);
  config.bytes[at] = static_cast<std::uint8_t>(value);
  load_config(config);
}

TEST_F(AmxFault, BadConfigurations) {
  EXPECT_FAULT(load_bytes(0, 2), "LDTILECFG: #GP: there are palettes 0 and 1");
  EXPECT_FAULT(load_bytes(2, 1), "reserved");
  EXPECT_FAULT(load_bytes(15, 1), "reserved");
  EXPECT_FAULT(load_bytes(32, 1), "reserved");
  EXPECT_FAULT(load_bytes(63, 1), "reserved");
  EXPECT_FAULT(load_bytes(48, 17), "more than 16 rows");
  EXPECT_FAULT(load_bytes(30, 65), "or 64 bytes");
  EXPECT_FAULT(load_bytes(17, 1), "or 64 bytes");  // colsb has 16 bits
  EXPECT_FAULT(load_bytes(48, 0), "rows without columns");
  EXPECT_FAULT(load_bytes(16, 0), "rows without columns");
}

TEST_F(AmxFault, TilesThatAreNotConfigured) {
  char row[64] = {};
  release();
  EXPECT_FAULT(zero_tile<0>(), "TILEZERO: #UD: no tiles are configured");
  EXPECT_FAULT(load_tile<0>(row, 0), "TILELOADD: #UD: no tiles are configured");
  EXPECT_FAULT(store_tile<0>(row, 0), "TILESTORED: #UD: no tiles are configured");
  TileConfig one;
  load_config(one.set(0, 1, 64).set(1, 1, 6));
  EXPECT_FAULT(zero_tile<7>(), "the tile is not configured");
  EXPECT_FAULT(load_tile<7>(row, 0), "the tile is not configured");
  EXPECT_FAULT(load_tile<1>(row, 0), "no multiple of 4");
  release();
}

void product_of(int rows_c, int colsb_c, int rows_a, int colsb_a, int rows_b, int colsb_b) {
  TileConfig config;
  load_config(config.set(0, rows_c, colsb_c).set(1, rows_a, colsb_a).set(2, rows_b, colsb_b));
  __asm__ volatile("tdpbf16ps %tmm2, %tmm1, %tmm0");
}

TEST_F(AmxFault, ProductsOfTilesThatDoNotFit) {
  product_of(3, 8, 3, 20, 5, 8);
  EXPECT_FAULT(product_of(4, 8, 3, 20, 5, 8), "TDPBF16PS: #UD: rows of the accumulator and of A");
  EXPECT_FAULT(product_of(3, 12, 3, 20, 5, 8), "columns of the accumulator and of B");
  EXPECT_FAULT(product_of(3, 8, 3, 20, 6, 8), "columns of A and rows of B");
  EXPECT_FAULT(product_of(3, 6, 3, 20, 5, 6), "no multiple of 4");
  EXPECT_FAULT(product_of(3, 8, 3, 20, 0, 0), "not configured");
  load_config(all_tiles(16, 64));
  EXPECT_FAULT(__asm__ volatile(".byte 0xc4,0xe2,0x72,0x5c,0xc0"), "not distinct");  // tdpbf16ps tmm0, tmm0, tmm1
  EXPECT_FAULT(__asm__ volatile(".byte 0xc4,0xe2,0x7b,0x5e,0xc1"), "TDPBSSD.*not distinct");
  EXPECT_FAULT(__asm__ volatile(".byte 0xc4,0xe2,0x72,0x5e,0xc1"), "TDPBSUD.*not distinct");
  release();
}

TEST_F(AmxFault, AnotherIllegalInstructionGoesToTheHandlerBefore) {
  ASSERT_TRUE(other_handler_installed);
  const auto others = testing::ExitedWithCode(kOtherHandler);
  EXPECT_EXIT(__asm__ volatile("ud2"), others, "");
  EXPECT_EXIT(::raise(SIGILL), others, "");
  if (!emulated_) return;
  EXPECT_EXIT(__asm__ volatile(".byte 0xc4,0xe2,0x7b,0x5c,0xc1"), others, "");  // tdpfp16ps, which isn't emulated
}

}  // namespace
}  // namespace smlp::test
