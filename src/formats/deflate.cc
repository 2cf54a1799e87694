#include "formats/deflate.h"

#include <zlib.h>

#include <limits>

namespace smlp {
namespace {

// zlib's windowBits: 15, raw where negative, with a gzip header where 16 is added.
int window_bits(DeflateWrapper wrapper) {
  switch (wrapper) {
    case DeflateWrapper::none:
      return -15;
    case DeflateWrapper::gzip:
      return 15 + 16;
    case DeflateWrapper::zlib:
      break;
  }
  return 15;
}

}  // namespace

std::optional<std::string> deflated(std::string_view text, DeflateWrapper wrapper) {
  if (text.size() > std::numeric_limits<uInt>::max() / 2) return std::nullopt;
  z_stream stream = {};
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, window_bits(wrapper), 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib does not write to it
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int ended = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (ended != Z_STREAM_END) return std::nullopt;
  return packed;
}

}  // namespace smlp
