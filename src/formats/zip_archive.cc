#include "formats/zip_archive.h"

#include <zlib.h>

#include "base/byte_reader.h"

namespace smlp {
namespace {

// Signatures and layouts: APPNOTE.TXT 6.3, sections 4.3.7 (local header) to 4.3.16 (end of central directory).
constexpr std::uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64Locator = 0x07064b50, kEnd64 = 0x06064b50;
constexpr std::size_t kEndSize = 22, kEnd64LocatorSize = 20;
constexpr std::uint16_t kStored = 0, kDeflated = 8;
constexpr std::uint64_t kMaxEntries = std::uint64_t{1} << 20;

std::unexpected<Error> damaged(std::string_view why) {
  return fail(Error{.what = fmt::format("damaged zip archive: {}", why),
                    .remedy = "the file is cut off or damaged; get it again"});
}

struct Directory {
  std::uint64_t offset = 0, size = 0, entries = 0;
};

ByteReader reader_at(std::span<const std::byte> bytes, std::uint64_t offset) {
  return ByteReader(bytes.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(offset, bytes.size()))), offset);
}

// The end record is the last thing in the file but for a comment of at most 65,535 bytes.
Result<std::size_t> find_end(std::span<const std::byte> bytes) {
  if (bytes.size() < kEndSize) return damaged("no central directory");
  const std::size_t last = bytes.size() - kEndSize;
  const std::size_t first = last > 0xFFFF ? last - 0xFFFF : 0;
  for (std::size_t at = last + 1; at-- > first;) {
    ByteReader reader = reader_at(bytes, at);
    if (reader.read<std::uint32_t>() != kEnd) continue;
    SMLP_CHECK(reader.take(16));
    SMLP_TRY(comment, reader.read<std::uint16_t>());
    if (comment <= reader.remaining()) return at;
  }
  return damaged("no central directory");
}

Result<Directory> find_directory(std::span<const std::byte> bytes) {
  SMLP_TRY(end, find_end(bytes));
  ByteReader reader = reader_at(bytes, end + 10);
  Directory directory;
  SMLP_TRY(entries, reader.read<std::uint16_t>());
  SMLP_TRY(size, reader.read<std::uint32_t>());
  SMLP_TRY(offset, reader.read<std::uint32_t>());
  directory = {offset, size, entries};
  const bool saturated = entries == 0xFFFF || size == 0xFFFFFFFF || offset == 0xFFFFFFFF;
  if (!saturated || end < kEnd64LocatorSize) return directory;
  ByteReader locator = reader_at(bytes, end - kEnd64LocatorSize);
  if (locator.read<std::uint32_t>() != kEnd64Locator) return directory;
  SMLP_CHECK(locator.take(4));
  SMLP_TRY(end64, locator.read<std::uint64_t>());
  ByteReader wide = reader_at(bytes, end64);
  if (wide.read<std::uint32_t>() != kEnd64) return damaged("no zip64 end record where the locator says");
  SMLP_CHECK(wide.take(28));
  SMLP_TRY(entries64, wide.read<std::uint64_t>());
  SMLP_TRY(size64, wide.read<std::uint64_t>());
  SMLP_TRY(offset64, wide.read<std::uint64_t>());
  return Directory{offset64, size64, entries64};
}

// The zip64 extra field holds, in this order, those of the three numbers that did not fit 32 bits.
Result<void> widen(ByteReader extra, ZipEntry& entry) {
  while (extra.remaining() >= 4) {
    SMLP_TRY(id, extra.read<std::uint16_t>());
    SMLP_TRY(size, extra.read<std::uint16_t>());
    SMLP_TRY(field, extra.take(size));
    if (id != 1) continue;
    ByteReader numbers(field);
    for (std::uint64_t* number : {&entry.size, &entry.compressed, &entry.header}) {
      if (*number != 0xFFFFFFFF) continue;
      SMLP_TRY(value, numbers.read<std::uint64_t>());
      *number = value;
    }
    return {};
  }
  return {};
}

Result<ZipEntry> read_central_header(ByteReader& reader) {
  if (reader.read<std::uint32_t>() != kCentralHeader) return damaged("an entry of the directory has no signature");
  ZipEntry entry;
  SMLP_CHECK(reader.take(4));  // versions
  SMLP_TRY(flags, reader.read<std::uint16_t>());
  SMLP_TRY(method, reader.read<std::uint16_t>());
  SMLP_CHECK(reader.take(4));  // time, date
  SMLP_TRY(crc, reader.read<std::uint32_t>());
  SMLP_TRY(compressed, reader.read<std::uint32_t>());
  SMLP_TRY(size, reader.read<std::uint32_t>());
  SMLP_TRY(name_length, reader.read<std::uint16_t>());
  SMLP_TRY(extra_length, reader.read<std::uint16_t>());
  SMLP_TRY(comment_length, reader.read<std::uint16_t>());
  SMLP_CHECK(reader.take(8));  // disk, attributes
  SMLP_TRY(header, reader.read<std::uint32_t>());
  SMLP_TRY(name, reader.take_text(name_length));
  SMLP_TRY(extra, reader.take(extra_length));
  SMLP_CHECK(reader.take(comment_length));
  entry = {name, flags, method, crc, compressed, size, header};
  SMLP_CHECK(widen(ByteReader(extra), entry));
  return entry;
}

std::uint32_t crc_of(std::span<const std::byte> bytes) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace

Result<ZipArchive> ZipArchive::open(Blob file, Budget& budget) {
  ZipArchive archive(std::move(file), budget);
  SMLP_CHECK(archive.read_directory());
  return archive;
}

Result<void> ZipArchive::read_directory() {
  SMLP_TRY(directory, find_directory(file_.bytes));
  if (directory.offset > file_.bytes.size() || directory.size > file_.bytes.size() - directory.offset) {
    return damaged("the directory lies outside of the file");
  }
  if (directory.entries > kMaxEntries) return damaged(fmt::format("{} entries", directory.entries));
  ByteReader reader(file_.bytes.subspan(directory.offset, directory.size), directory.offset);
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    SMLP_TRY(entry, read_central_header(reader));
    if (!index_.emplace(entry.name, entries_.size()).second) {
      return damaged(fmt::format("two entries of the name '{}'", entry.name));
    }
    entries_.push_back(entry);
  }
  return {};
}

const ZipEntry* ZipArchive::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

Result<std::uint64_t> ZipArchive::data_offset(const ZipEntry& entry) const {
  ByteReader reader = reader_at(file_.bytes, entry.header);
  if (reader.read<std::uint32_t>() != kLocalHeader)
    return damaged(fmt::format("'{}' is not where it should be", entry.name));
  SMLP_CHECK(reader.take(22));
  SMLP_TRY(name_length, reader.read<std::uint16_t>());
  SMLP_TRY(extra_length, reader.read<std::uint16_t>());
  return entry.header + 30 + name_length + extra_length;
}

Result<Blob> ZipArchive::read(const ZipEntry& entry) {
  if ((entry.flags & 1) != 0) return fail("'{}' in the zip archive is encrypted", entry.name);
  SMLP_TRY(offset, data_offset(entry));
  ByteReader reader = reader_at(file_.bytes, offset);
  SMLP_TRY(raw, reader.take(entry.compressed));
  Blob content;
  if (entry.method == kStored) {
    if (entry.compressed != entry.size) return damaged(fmt::format("'{}' has two sizes", entry.name));
    if (raw.size() > stored_left_) return damaged("entries that overlap");
    stored_left_ -= raw.size();
    content = {raw, file_.owner};
  } else if (entry.method == kDeflated) {
    auto inflated = inflate_deflated(raw, entry.size, *budget_);
    if (!inflated) return damaged(fmt::format("'{}': {}", entry.name, inflated.error().what));
    content = std::move(*inflated);
  } else {
    return fail("'{}' in the zip archive is compressed by method {}, neither stored nor deflated", entry.name,
                entry.method);
  }
  if (entry.crc != 0 && crc_of(content.bytes) != entry.crc)
    return damaged(fmt::format("'{}' fails its CRC check", entry.name));
  return content;
}

}  // namespace smlp
