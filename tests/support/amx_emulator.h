// Tile instructions (Intel AMX) on processors without them: each raises SIGILL, and a handler does what it would have
// done, so that a kernel's own machine code is tested everywhere, if slowly: a signal for each run of tile
// instructions, and a few microseconds for each of them.
//
// What it computes is the manual's pseudocode, to the bit. Where a processor would raise a fault, the test is told why
// and dies of SIGILL. All other instructions of the kernel must be ones that the processor has.
#pragma once

#include <cstdint>

#include "support/amx_decode.h"

namespace smlp::test {

// True where the tile instructions are emulated from here on, in every thread; each thread has its own tiles.
// Does nothing where the processor has AMX (and this process may use it), or lacks AVX-512 with which to emulate it.
// Illegal instructions of other kinds go to the handler that was there before. May be called again.
bool install_amx_emulator();

// Instructions emulated so far, by all threads: proof that tiles ran.
std::uint64_t amx_emulated(AmxOp op);
void reset_amx_emulated();

}  // namespace smlp::test
