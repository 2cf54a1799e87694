#include "base/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/cpu_features.h"
#include "base/file_map.h"
#include "base/sha256_blocks.h"

namespace smlp {

constexpr std::uint32_t sha256_rounds[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

namespace {

void take_block(std::uint32_t state[8], const std::uint8_t* block) {
  using std::rotr;
  std::uint32_t w[64];
  for (int t = 0; t < 16; ++t) {
    w[t] = std::uint32_t{block[4 * t]} << 24 | std::uint32_t{block[4 * t + 1]} << 16 |
           std::uint32_t{block[4 * t + 2]} << 8 | block[4 * t + 3];
  }
  for (int t = 16; t < 64; ++t) {
    const std::uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ w[t - 15] >> 3;
    const std::uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ w[t - 2] >> 10;
    w[t] = w[t - 16] + s0 + w[t - 7] + s1;
  }
  std::uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  std::uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (int t = 0; t < 64; ++t) {
    const std::uint32_t s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25), choose = (e & f) ^ (~e & g);
    const std::uint32_t t1 = h + s1 + choose + sha256_rounds[t] + w[t];
    const std::uint32_t s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22), majority = (a & b) ^ (a & c) ^ (b & c);
    h = g, g = f, f = e, e = d + t1;
    d = c, c = b, b = a, a = t1 + s0 + majority;
  }
  const std::uint32_t sum[8] = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] += sum[i];
}

void add_blocks(std::uint32_t state[8], const std::uint8_t* data, std::size_t blocks) {
  for (; blocks > 0; --blocks, data += 64) take_block(state, data);
}

}  // namespace

constinit const Sha256Blocks sha256_portable = {add_blocks};

const Sha256Blocks& fastest_sha256() {
#if defined(__x86_64__)
  if (cpu_features().sha) return sha256_x86;
#endif
  return sha256_portable;
}

void Sha256::update(std::span<const std::byte> bytes) {
  const auto add = fastest_sha256().add;
  while (!bytes.empty()) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    const std::size_t waiting = bytes_ % 64;
    std::size_t count = bytes.size() - bytes.size() % 64;
    if (waiting == 0 && count > 0) {
      add(state_.data(), data, count / 64);
    } else {
      count = std::min(bytes.size(), 64 - waiting);
      std::memcpy(pending_.data() + waiting, data, count);
      if (waiting + count == 64) add(state_.data(), pending_.data(), 1);
    }
    bytes_ += count;
    bytes = bytes.subspan(count);
  }
}

std::string Sha256::hex() {
  const std::uint64_t bits = bytes_ * 8;
  std::array<std::byte, 72> tail = {std::byte{0x80}};  // 1, zeros up to 8 bytes before a block's end, the length
  const std::size_t zeros_end = 1 + (119 - bytes_ % 64) % 64;
  for (std::size_t i = 0; i < 8; ++i) tail[zeros_end + i] = static_cast<std::byte>(bits >> (56 - 8 * i));
  update(std::span(tail).first(zeros_end + 8));
  std::string text;
  for (const std::uint32_t word : state_) text += fmt::format("{:08x}", word);
  return text;
}

std::string sha256_of(std::span<const std::byte> bytes) {
  Sha256 sum;
  sum.update(bytes);
  return sum.hex();
}

Result<std::string> sha256_file(const std::filesystem::path& path) {
  Sha256 hash;
  SMLP_CHECK(read_in_parts(path, [&](std::span<const std::byte> part) { hash.update(part); }));
  return hash.hex();
}

}  // namespace smlp
