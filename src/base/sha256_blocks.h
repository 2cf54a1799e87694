// The inner loop of SHA-256, by what the processor has.
#pragma once

#include <cstddef>
#include <cstdint>

namespace smlp {

// Adds whole blocks of 64 bytes to the state.
struct Sha256Blocks {
  void (*add)(std::uint32_t state[8], const std::uint8_t* data, std::size_t blocks);
};

extern const std::uint32_t sha256_rounds[64];  // the constants of FIPS 180-4
extern const Sha256Blocks sha256_portable;
#if defined(__x86_64__)
extern const Sha256Blocks sha256_x86;  // SHA extensions and SSE4.1: run it only where cpu_features().sha
#endif

const Sha256Blocks& fastest_sha256();

}  // namespace smlp
