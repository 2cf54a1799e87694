// Resizes of any size to any size, seen through any window.
#include <algorithm>
#include <cstdlib>

#include "image/preprocess.h"
#include "image/resize.h"

namespace {

// Sizes and pixels taken from the input, zeros after its end.
class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  std::uint8_t byte() { return position_ < size_ ? data_[position_++] : 0; }
  // 1 to 300, or now and then up to 4096.
  int side() {
    const int low = byte();
    return low < 250 ? low + 1 : (byte() << 4) + byte() % 16 + 1;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t position_ = 0;
};

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes bytes(data, size);
  smlp::Picture picture{bytes.side(), bytes.side(), {}};
  if (picture.width * picture.height > 1 << 18) return 0;
  const int width = bytes.side();
  const int height = bytes.side();
  smlp::Window window{.x = bytes.side() - 1, .y = bytes.side() - 1, .width = bytes.side(), .height = bytes.side()};
  window.x %= width;
  window.y %= height;
  window.width = std::min(window.width, width - window.x);
  window.height = std::min(window.height, height - window.y);
  const bool flat = bytes.byte() % 2 == 0;
  const std::uint8_t colour = bytes.byte();
  picture.rgb.resize(std::size_t{3} * picture.width * picture.height, colour);
  if (!flat) std::ranges::generate(picture.rgb, [&] { return bytes.byte(); });

  const auto part = smlp::resize(picture, width, height, window);
  require(part && part->rgb.size() == std::size_t{3} * window.width * window.height);
  // A flat picture stays flat: the weights of every output add up to one.
  require(!flat || std::ranges::all_of(part->rgb, [&](std::uint8_t value) { return value == colour; }));
  if (width * height <= 1 << 16) {
    const auto whole = smlp::resize(picture, width, height);
    require(whole.has_value());
    for (int y = 0; y < window.height; ++y) {
      const auto* const from = whole->rgb.data() + std::ptrdiff_t{3} * ((window.y + y) * width + window.x);
      const auto* const got = part->rgb.data() + std::ptrdiff_t{3} * y * window.width;
      require(std::equal(got, got + std::ptrdiff_t{3} * window.width, from));
    }
  }
  const int resize = bytes.side();
  const int crop = bytes.side();
  if (std::max(resize, crop) > 512) return 0;
  const auto cropped = smlp::resize_and_crop(picture, {.resize = resize, .crop = crop});
  require(cropped && cropped->rgb.size() == std::size_t{3} * crop * crop);
  return 0;
}
