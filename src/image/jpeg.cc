// libjpeg behind Result<Picture>.
//
// libjpeg reports errors by longjmp. It happens inside Decoder::run() only, where every frame between setjmp and
// longjmp is libjpeg's own C or a function of this file whose locals have no destructors.
//
// The data source never waits for more data: where the file ends libjpeg "suspends", which here means that the picture
// is cut off, by the same rule as in Pillow: an error if a row is still missing, fine if only the end marker is.
#include <csetjmp>
#include <cstdio>
// jpeglib.h wants <cstdio> first.
#include <jpeglib.h>
// After jpeglib.h.
#include <jerror.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "image/codec.h"

namespace smlp::image {
namespace {

enum class Outcome { kOk, kEndOfData, kError };

Error unsupported(const std::string& kind) {
  return {.what = fmt::format("is a JPEG of an unsupported kind ({})", kind),
          .remedy = "convert it to a plain 8-bit RGB JPEG or a PNG"};
}

// Pillow's cmyk2rgb on an Adobe-inverted row, where `ink` counts how much paper shows: CMYK(255 - ink) -> RGB.
void convert_inverted_cmyk(const std::uint8_t* ink, int width, std::uint8_t* rgb) {
  for (int x = 0; x < width; ++x, ink += 4, rgb += 3) {
    const int white = ink[3];  // 255 - K
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - ink[c]) * white + 128;
      rgb[c] = static_cast<std::uint8_t>(white - (((product >> 8) + product) >> 8));
    }
  }
}

// Scans announced in the file (SOS markers). In compressed data a 0xFF is followed by 0 or a restart marker, so that
// every other marker is found without decoding.
int count_scans(std::span<const std::byte> file) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned>(file[i]); };
  int scans = 0;
  for (std::size_t at = 2; at + 1 < file.size();) {
    const void* found = std::memchr(file.data() + at, 0xFF, file.size() - at);
    if (found == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - file.data()) + 1;
    while (at < file.size() && byte(at) == 0xFF) ++at;
    if (at >= file.size() || byte(at) == 0xD9) break;  // the end of the picture
    const unsigned marker = byte(at++);
    const bool alone = marker <= 0x01 || (marker >= 0xD0 && marker <= 0xD8);
    if (alone || at + 1 >= file.size()) continue;
    scans += marker == 0xDA ? 1 : 0;
    at += byte(at) << 8 | byte(at + 1);
  }
  return scans;
}

class Decoder {
 public:
  Decoder(std::span<const std::byte> file, int max_scans) : max_scans_(max_scans) {
    info_.err = jpeg_std_error(&errors_);
    info_.client_data = this;
    errors_.error_exit = [](j_common_ptr info) { self(info).give_up(); };
    errors_.output_message = [](j_common_ptr) {};
    source_.init_source = [](j_decompress_ptr) {};
    source_.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };
    source_.skip_input_data = skip;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = [](j_decompress_ptr) {};
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(file.data());
    source_.bytes_in_buffer = file.size();
    progress_.progress_monitor = [](j_common_ptr info) { self(info).check_scans(); };
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder() { jpeg_destroy_decompress(&info_); }

  Outcome read_header() {
    return run([](Decoder& d) {
      jpeg_create_decompress(&d.info_);
      d.info_.src = &d.source_;
      d.info_.progress = &d.progress_;
      int found = 0;
      do {
        found = jpeg_read_header(&d.info_, FALSE);
      } while (found == JPEG_HEADER_TABLES_ONLY);
      return found == JPEG_HEADER_OK;
    });
  }

  // The form of the rows that read_rows() will make: 3 bytes of RGB, or 4 of inverted CMYK.
  void choose_output() { info_.out_color_space = info_.num_components == 4 ? JCS_CMYK : JCS_RGB; }

  Outcome start() {
    return run([](Decoder& d) { return jpeg_start_decompress(&d.info_) == TRUE; });
  }

  // All rows into `rgb`; `cmyk_row` holds one row of CMYK where the picture has four components.
  Outcome read_rows(std::uint8_t* rgb, std::uint8_t* cmyk_row) {
    rgb_ = rgb;
    cmyk_row_ = cmyk_row;
    return run([](Decoder& d) {
      const std::size_t stride = std::size_t{d.info_.output_width} * 3;
      while (d.info_.output_scanline < d.info_.output_height) {
        std::uint8_t* const out = d.rgb_ + d.info_.output_scanline * stride;
        JSAMPROW row = d.info_.num_components == 4 ? d.cmyk_row_ : out;
        if (jpeg_read_scanlines(&d.info_, &row, 1) != 1) return false;
        if (row != out) convert_inverted_cmyk(row, static_cast<int>(d.info_.output_width), out);
      }
      return true;
    });
  }

  // What follows the last row may be missing, but not wrong.
  Outcome finish() {
    return run([](Decoder& d) { return jpeg_finish_decompress(&d.info_) == TRUE; });
  }

  const jpeg_decompress_struct& info() const { return info_; }

  Error error(Outcome outcome) const {
    if (outcome == Outcome::kEndOfData) return cut_off("JPEG");
    switch (errors_.msg_code) {
      case JERR_CANT_SUSPEND:  // the arithmetic decoder's way of saying that it needs more data
        return cut_off("JPEG");
      case JERR_BAD_PRECISION:
        return unsupported(fmt::format("{} bits a sample; 8 are supported", info_.data_precision));
      case JERR_SOF_UNSUPPORTED:
      case JERR_ARITH_NOTIMPL:
      case JERR_NOTIMPL:
      case JERR_NOT_COMPILED:
      case JERR_CONVERSION_NOTIMPL:
        return unsupported(message_);
      case JERR_OUT_OF_MEMORY:
        return {.what = "no memory to decode it", .transient = true};
      default:
        return damaged("JPEG", message_);
    }
  }

  // Refuses what would take far more time or memory than any photograph, and limits the scans that start() decodes.
  Result<void> check_cost(int scans, const DecodeLimits& limits) {
    const std::uint64_t pixels = std::uint64_t{info_.image_width} * info_.image_height;
    if (scans > limits.max_scans || pixels * static_cast<std::uint64_t>(std::max(scans, 1)) > limits.max_pixel_scans) {
      return fail(Error{
          .what = fmt::format("is a JPEG of {} scans over {} x {} pixels, more than the limit of {} scans "
                              "or {} pixels in all scans",
                              scans, info_.image_width, info_.image_height, limits.max_scans, limits.max_pixel_scans),
          .remedy = "save it again with fewer scans"});
    }
    max_scans_ = static_cast<int>(std::min<std::uint64_t>(max_scans_, limits.max_pixel_scans / pixels));
    std::uint64_t bytes = 3 * pixels;
    if (jpeg_has_multiple_scans(&info_) == TRUE) {
      for (int c = 0; c < info_.num_components; ++c) {
        const jpeg_component_info& component = info_.comp_info[c];
        bytes += std::uint64_t{component.width_in_blocks} * component.height_in_blocks * sizeof(JBLOCK);
      }
    }
    if (bytes <= limits.max_memory) return {};
    return fail(Error{.what = fmt::format("is a JPEG of {} x {} in several scans, which takes {} bytes to decode, more "
                                          "than the limit of {}",
                                          info_.image_width, info_.image_height, bytes, limits.max_memory),
                      .remedy = "make it smaller, or save it as a baseline JPEG"});
  }

  // Refuses a number of components that is neither grey, nor RGB, nor CMYK.
  Result<void> check_components() const {
    const int components = info_.num_components;
    if (components == 1 || components == 3 || components == 4) return {};
    return fail(unsupported(fmt::format("{} colour components; 1, 3 or 4 are supported", components)));
  }

 private:
  static Decoder& self(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

  static void skip(j_decompress_ptr info, long count) {
    const std::size_t n = std::min(static_cast<std::size_t>(std::max(count, 0L)), info->src->bytes_in_buffer);
    info->src->next_input_byte += n;
    info->src->bytes_in_buffer -= n;
  }

  Outcome run(bool (*step)(Decoder&)) {
    if (setjmp(jump_) != 0) return Outcome::kError;
    return step(*this) ? Outcome::kOk : Outcome::kEndOfData;
  }

  [[noreturn]] void give_up() {
    errors_.format_message(reinterpret_cast<j_common_ptr>(&info_), message_);
    std::longjmp(jump_, 1);
  }

  // libjpeg forgives more than count_scans() knows, and finds more scans in a damaged file: its own count is the one
  // that limits the work.
  void check_scans() {
    if (info_.input_scan_number <= max_scans_) return;
    errors_.msg_code = JMSG_NOMESSAGE;
    std::snprintf(message_, sizeof(message_), "more than %d scans over %u x %u pixels", max_scans_, info_.image_width,
                  info_.image_height);
    std::longjmp(jump_, 1);
  }

  jpeg_decompress_struct info_ = {};
  jpeg_error_mgr errors_ = {};
  jpeg_source_mgr source_ = {};
  jpeg_progress_mgr progress_ = {};
  int max_scans_;
  std::uint8_t* rgb_ = nullptr;
  std::uint8_t* cmyk_row_ = nullptr;
  char message_[JMSG_LENGTH_MAX] = {};
  std::jmp_buf jump_;
};

}  // namespace

Result<Picture> decode_jpeg(std::span<const std::byte> file, const DecodeLimits& limits) {
  Decoder decoder(file, limits.max_scans);
  if (const Outcome outcome = decoder.read_header(); outcome != Outcome::kOk) return fail(decoder.error(outcome));
  SMLP_CHECK(decoder.check_components());
  SMLP_CHECK(check_size(decoder.info().image_width, decoder.info().image_height, limits));
  SMLP_CHECK(decoder.check_cost(count_scans(file), limits));
  SMLP_TRY(picture, make_picture(decoder.info().image_width, decoder.info().image_height, limits));
  std::vector<std::uint8_t> cmyk_row(decoder.info().num_components == 4 ? picture.rgb.size() / picture.height / 3 * 4
                                                                        : 0);
  decoder.choose_output();
  if (const Outcome outcome = decoder.start(); outcome != Outcome::kOk) return fail(decoder.error(outcome));
  if (const Outcome outcome = decoder.read_rows(picture.rgb.data(), cmyk_row.data()); outcome != Outcome::kOk) {
    return fail(decoder.error(outcome));
  }
  if (decoder.finish() == Outcome::kError) return fail(decoder.error(Outcome::kError));
  return std::move(picture);
}

}  // namespace smlp::image
