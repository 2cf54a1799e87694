#include "formats/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "base/byte_reader.h"

namespace smlp {
namespace {

constexpr std::uint64_t kMaxRatio = 1032;  // deflate cannot do better (RFC 1951: 258 bytes in 2 bits)
constexpr std::size_t kGzipTrailer = 8;    // checksum and size
constexpr std::size_t kChunk = std::size_t{1} << 30;

// As inflateInit2 wants it.
int window_of(DeflateWrapper wrapper) {
  constexpr int kLargest = 15;
  switch (wrapper) {
    case DeflateWrapper::gzip:
      return kLargest + 16;
    case DeflateWrapper::zlib:
      return kLargest;
    case DeflateWrapper::none:
      break;
  }
  return -kLargest;
}

std::shared_ptr<std::byte[]> allocate(std::uint64_t size) {
  return std::shared_ptr<std::byte[]>(new std::byte[std::max<std::uint64_t>(size, 1)]);
}

}  // namespace

void Inflater::End::operator()(z_stream_s* stream) const {
  inflateEnd(stream);
  delete stream;
}

Inflater::Inflater(std::span<const std::byte> input, DeflateWrapper wrapper) : input_(input) {
  auto stream = std::make_unique<z_stream>();
  if (inflateInit2(stream.get(), window_of(wrapper)) != Z_OK) throw std::bad_alloc();
  stream_.reset(stream.release());
}

Result<std::size_t> Inflater::fill(std::span<std::byte> output) {
  std::size_t done = 0;
  while (done < output.size() && !finished_) {
    feed();
    const auto room = static_cast<uInt>(std::min<std::size_t>(output.size() - done, kChunk));
    stream_->next_out = reinterpret_cast<Bytef*>(output.data() + done);
    stream_->avail_out = room;
    const int code = inflate(stream_.get(), Z_NO_FLUSH);
    done += room - stream_->avail_out;
    finished_ = code == Z_STREAM_END;
    if (code == Z_MEM_ERROR) throw std::bad_alloc();  // no fault of the data
    if (code != Z_OK && code != Z_STREAM_END) return fail("damaged compressed data");
  }
  return done;
}

bool Inflater::at_end() {
  std::byte one{};
  if (!finished_) {
    const auto more = fill(std::span(&one, 1));
    if (!more || *more != 0 || !finished_) return false;
  }
  return stream_->avail_in == 0 && input_.empty();
}

void Inflater::feed() {
  if (stream_->avail_in != 0) return;
  const auto size = std::min<std::size_t>(input_.size(), kChunk);
  stream_->next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(input_.data()));
  stream_->avail_in = static_cast<uInt>(size);
  input_ = input_.subspan(size);
}

Result<Blob> inflate_deflated(std::span<const std::byte> bytes, std::uint64_t size, Budget& budget) {
  if (size / kMaxRatio > bytes.size()) {
    return fail("{} compressed bytes cannot hold the {} that are claimed", bytes.size(), size);
  }
  if (!budget.take(size)) return budget.exceeded("compressed data");
  const auto memory = allocate(size);
  Inflater inflater(bytes, DeflateWrapper::none);
  const std::span<std::byte> output(memory.get(), static_cast<std::size_t>(size));
  SMLP_TRY(done, inflater.fill(output));
  if (done != size || !inflater.at_end()) return fail("compressed data that do not hold the {} bytes claimed", size);
  return Blob{output, memory};
}

// Its last four bytes say how many it inflates to (RFC 1952; of more than 4 GiB, the lower half of the number).
Result<Blob> inflate_gzip(std::span<const std::byte> bytes, Budget& budget) {
  const auto early = [] { return fail("compressed data that end early or are more than one gzip file"); };
  if (bytes.size() < kGzipTrailer) return early();
  ByteReader trailer(bytes.last(sizeof(std::uint32_t)));
  SMLP_TRY(size, trailer.read<std::uint32_t>());
  if (size / kMaxRatio > bytes.size()) return early();
  if (!budget.take(size)) return budget.exceeded("compressed data");
  const auto memory = allocate(size);
  Inflater inflater(bytes, DeflateWrapper::gzip);
  SMLP_TRY(done, inflater.fill({memory.get(), size}));
  if (done != size || !inflater.at_end()) return early();
  return Blob{{memory.get(), size}, memory};
}

}  // namespace smlp
