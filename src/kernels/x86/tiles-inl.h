// The tiles of AMX and their instructions. Included once, by amx-inl.h.
//
// A tile is up to 16 rows of 64 bytes. A product of tiles takes 16 cycles and multiplies
//
//     A: r pixels x 32 k        B: 16 pairs of k x 16 columns, the two of a pair side by side      C: r x 16 float32
//     A: r pixels x 64 k        B: 16 fours of k x 16 columns, likewise                            C: r x 16 int32
//
// by TDPBF16PS and, of signed bytes, TDPBSSD.

// Compilers take these for operations on their operands alone; what lies in memory is our affair.
template <int Tile>
HWY_INLINE void LoadTile(const void* from, std::size_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(Tile) : "memory");
}
template <int Tile>
HWY_INLINE void StreamTile(const void* from, std::size_t stride) {
  asm volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(Tile) : "memory");
}
template <int Tile>
HWY_INLINE void StoreTile(void* to, std::size_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(Tile) : "memory");
}
template <int Tile>
HWY_INLINE void ZeroTile() {
  asm volatile("tilezero %%tmm%c0" ::"i"(Tile));
}

// The shapes of the eight tiles, for as long as it lives: `rows` of A and C, all of B.
class TileConfig {
 public:
  explicit TileConfig(int rows) {
    for (int tile = 0; tile < 8; ++tile) {
      rows_[tile] = static_cast<std::uint8_t>(tile < 6 ? rows : 16);
      row_bytes_[tile] = 64;
    }
    asm volatile("ldtilecfg %0" ::"m"(*this) : "memory");
  }
  ~TileConfig() { asm volatile("tilerelease" ::: "memory"); }
  TileConfig(const TileConfig&) = delete;
  TileConfig& operator=(const TileConfig&) = delete;

 private:
  [[maybe_unused]] std::uint8_t palette_ = 1, start_row_ = 0, reserved_[14] = {};
  std::uint16_t row_bytes_[16] = {};
  std::uint8_t rows_[16] = {};
};
