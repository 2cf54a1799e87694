#include "formats/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "base/byte_reader.h"

namespace smlp {
namespace {

constexpr std::uint64_t kMaxRatio = 1032;  // deflate cannot do better (RFC 1951: 258 bytes in 2 bits)
constexpr int kRawWindow = -15, kGzipWindow = 15 + 16;
constexpr std::size_t kGzipTrailer = 8;  // checksum and size

class Inflater {
 public:
  Inflater(std::span<const std::byte> input, int window) : input_(input) {
    ready_ = inflateInit2(&stream_, window) == Z_OK;
  }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Fills `output` as far as the data reach; returns the number of bytes.
  Result<std::size_t> fill(std::span<std::byte> output) {
    if (!ready_) return fail("not enough memory to decompress");
    std::size_t done = 0;
    while (done < output.size() && !finished_) {
      feed();
      const auto room = static_cast<uInt>(std::min<std::size_t>(output.size() - done, kChunk));
      stream_.next_out = reinterpret_cast<Bytef*>(output.data() + done);
      stream_.avail_out = room;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      done += room - stream_.avail_out;
      finished_ = code == Z_STREAM_END;
      if (code != Z_OK && code != Z_STREAM_END) return fail("damaged compressed data");
    }
    return done;
  }

  // After fill(): whether the data end here too, and nothing follows them.
  bool at_end() {
    std::byte one{};
    if (finished_) return stream_.avail_in == 0 && input_.empty();
    const auto more = fill(std::span(&one, 1));
    return more && *more == 0 && finished_ && stream_.avail_in == 0 && input_.empty();
  }

 private:
  static constexpr std::size_t kChunk = std::size_t{1} << 30;

  void feed() {
    if (stream_.avail_in != 0) return;
    const auto size = std::min<std::size_t>(input_.size(), kChunk);
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(input_.data()));
    stream_.avail_in = static_cast<uInt>(size);
    input_ = input_.subspan(size);
  }

  std::span<const std::byte> input_;
  z_stream stream_ = {};
  bool ready_ = false, finished_ = false;
};

Result<std::shared_ptr<std::byte[]>> allocate(std::uint64_t size) {
  auto* memory = new (std::nothrow) std::byte[std::max<std::uint64_t>(size, 1)];
  if (memory == nullptr) return fail("not enough memory to decompress {} bytes", size);
  return std::shared_ptr<std::byte[]>(memory);
}

}  // namespace

Result<Blob> inflate_deflated(std::span<const std::byte> bytes, std::uint64_t size, Budget& budget) {
  if (size / kMaxRatio > bytes.size()) {
    return fail("{} compressed bytes cannot hold the {} that are claimed", bytes.size(), size);
  }
  if (!budget.take(size)) return budget.exceeded("compressed data");
  SMLP_TRY(memory, allocate(size));
  Inflater inflater(bytes, kRawWindow);
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
  SMLP_TRY(memory, allocate(size));
  Inflater inflater(bytes, kGzipWindow);
  SMLP_TRY(done, inflater.fill({memory.get(), size}));
  if (done != size || !inflater.at_end()) return early();
  return Blob{{memory.get(), size}, memory};
}

}  // namespace smlp
