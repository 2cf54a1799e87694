// libpng behind Result<Picture>.
//
// libpng reports errors by longjmp. It happens inside Decoder::run() only, where every frame between setjmp and
// longjmp is libpng's own C or a function of this file whose locals have no destructors.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "image/codec.h"

namespace smlp::image {
namespace {

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> file) : file_(file) {
    png_ = png_create_read_struct_2(
        PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, png_const_charp) {}, this, allocate,
        [](png_structp, png_voidp memory) { std::free(memory); });
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }

  bool ready() const { return info_ != nullptr; }

  // The header up to the first byte of pixels.
  bool read_header() {
    return run([](Decoder& d) {
      png_set_read_fn(d.png_, &d, on_read);
      // Some writers name a window that is too small for their own pixels; Pillow does not look at it.
      png_set_option(d.png_, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
      // Nothing but the palette matters to the pixels: the other optional chunks are passed over unread.
      png_set_keep_unknown_chunks(d.png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
      // Sides are checked by make_picture(), which can say what the limit is.
      png_set_user_limits(d.png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
      png_set_crc_action(d.png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
      png_read_info(d.png_, d.info_);
    });
  }

  png_uint_32 width() const { return png_get_image_width(png_, info_); }
  png_uint_32 height() const { return png_get_image_height(png_, info_); }
  bool is_grey16() const {
    return png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png_, info_) == 16;
  }
  bool is_interlaced() const { return png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE; }

  // No file of fewer bytes holds the pixels: deflate makes at most 1032 of one.
  std::uint64_t least_bytes() const {
    const std::uint64_t bits = std::uint64_t{png_get_bit_depth(png_, info_)} * png_get_channels(png_, info_);
    return std::uint64_t{width()} * height() * bits / 8 / 1032;
  }

  // Asks for 8-bit RGB rows, or for 16-bit grey as it is.
  bool set_transforms() {
    return run([](Decoder& d) {
      // Pillow does not look at the checksums of the pixel chunks: the zlib stream has its own.
      png_set_crc_action(d.png_, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
      if (!d.is_grey16()) {
        png_set_strip_16(d.png_);
        // Palettes, whose missing colours are black as in Pillow from 10 on; grey of fewer than 8 bits; tRNS.
        png_set_expand(d.png_);
        png_set_gray_to_rgb(d.png_);
        png_set_strip_alpha(d.png_);
      }
      d.passes_ = png_set_interlace_handling(d.png_);
      png_read_update_info(d.png_, d.info_);
    });
  }

  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }

  // `rows` points at height() rows of row_bytes() each, `stride` apart.
  bool read_rows(std::uint8_t* rows, std::size_t stride) {
    rows_ = rows;
    stride_ = stride;
    return run([](Decoder& d) {
      const std::size_t height = d.height();
      for (int pass = 0; pass < d.passes_; ++pass) {
        for (std::size_t y = 0; y < height; ++y) png_read_row(d.png_, d.rows_ + y * d.stride_, nullptr);
      }
    });
  }

  Error error() const {
    if (no_memory_) return {.what = "no memory to decode it", .transient = true};
    return ended_ ? cut_off("PNG") : damaged("PNG", message_);
  }

 private:
  bool run(void (*step)(Decoder&)) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    step(*this);
    return true;
  }

  static void on_error(png_structp png, png_const_charp message) {
    auto& self = *static_cast<Decoder*>(png_get_error_ptr(png));
    std::strncpy(self.message_, message, sizeof(self.message_) - 1);
    png_longjmp(png, 1);
  }

  // zlib's too: its words for a lack of memory are those for damaged data.
  static png_voidp allocate(png_structp png, png_alloc_size_t bytes) {
    void* memory = std::malloc(bytes);
    if (memory == nullptr) static_cast<Decoder*>(png_get_mem_ptr(png))->no_memory_ = true;
    return memory;
  }

  static void on_read(png_structp png, png_bytep out, std::size_t count) {
    auto& self = *static_cast<Decoder*>(png_get_io_ptr(png));
    if (count > self.file_.size() - self.position_) {
      self.ended_ = true;
      png_error(png, "end of file");
    }
    std::memcpy(out, self.file_.data() + self.position_, count);
    self.position_ += count;
  }

  std::span<const std::byte> file_;
  std::size_t position_ = 0;
  bool ended_ = false, no_memory_ = false;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
  std::uint8_t* rows_ = nullptr;
  std::size_t stride_ = 0;
  char message_[128] = {};
};

// Big-endian 16-bit grey -> RGB, saturated at 255 rather than scaled: Pillow's reading of such files.
void convert_grey16(const std::uint8_t* grey, std::size_t pixels, std::uint8_t* rgb) {
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::uint8_t value = grey[2 * i] == 0 ? grey[2 * i + 1] : 255;
    std::fill_n(rgb + 3 * i, 3, value);
  }
}

}  // namespace

Result<Picture> decode_png(std::span<const std::byte> file, const DecodeLimits& limits) {
  Decoder decoder(file);
  if (!decoder.ready()) return fail(Error{.what = "no memory for the PNG decoder", .transient = true});
  if (!decoder.read_header()) return fail(decoder.error());
  SMLP_CHECK(check_size(decoder.width(), decoder.height(), limits));
  if (decoder.least_bytes() > file.size()) return fail(cut_off("PNG"));
  SMLP_TRY(picture, make_picture(decoder.width(), decoder.height(), limits));
  if (!decoder.set_transforms()) return fail(decoder.error());
  const std::size_t stride = std::size_t{3} * picture.width;
  if (!decoder.is_grey16()) {
    if (decoder.row_bytes() != stride) return fail("PNG rows of {} bytes, expected {}", decoder.row_bytes(), stride);
    if (!decoder.read_rows(picture.rgb.data(), stride)) return fail(decoder.error());
    return std::move(picture);
  }
  std::vector<std::uint8_t> grey(std::size_t{2} * picture.width * picture.height);
  if (!decoder.read_rows(grey.data(), std::size_t{2} * picture.width)) return fail(decoder.error());
  convert_grey16(grey.data(), grey.size() / 2, picture.rgb.data());
  return std::move(picture);
}

}  // namespace smlp::image
