// Zip archives written by hand after PKWARE's APPNOTE, 4.3.7 to 4.3.16: comments, sizes, checksums and places.
#include "formats/zip_archive.h"

#include <gmock/gmock.h>

#include "formats/fixtures.h"

namespace smlp {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

std::string u16(std::size_t v) { return {static_cast<char>(v & 255), static_cast<char>(v >> 8 & 255)}; }
std::string u32(std::size_t v) { return u16(v & 0xFFFF) + u16(v >> 16); }

std::uint32_t crc32_of(const std::string& text) {  // the polynomial of ISO 3309, bit by bit
  std::uint32_t crc = ~0U;
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ (crc % 2 == 1 ? 0xEDB88320U : 0);
  }
  return ~crc;
}

// RFC 1951: one block that is stored.
std::string deflated_by_hand(const std::string& text) { return "\x01" + u16(text.size()) + u16(~text.size()) + text; }

struct Part {
  std::string name = "a", data = "hello";
  std::size_t method = 0, size = 5;
  std::uint32_t crc = crc32_of("hello");
  std::string extra = {};   // of the local header alone
  std::string remark = {};  // of the directory
  std::size_t compressed_more = 0, place_more = 0;
};

struct End {
  std::string comment = {}, behind = {};
  std::size_t comment_more = 0, entries_more = 0, size_more = 0, place_more = 0;
};

std::string zip(const std::vector<Part>& parts, const End& end = {}) {
  std::string local, central;
  for (const Part& part : parts) {
    const std::string common = u16(20) + u16(0) + u16(part.method) + u32(0) + u32(part.crc) +
                               u32(part.data.size() + part.compressed_more) + u32(part.size) + u16(part.name.size());
    central += "PK\x01\x02" + u16(20) + common + u16(0) + u16(part.remark.size()) + u32(0) + u32(0) +
               u32(local.size() + part.place_more) + part.name + part.remark;
    local += "PK\x03\x04" + common + u16(part.extra.size()) + part.name + part.extra + part.data;
  }
  const std::size_t entries = parts.size() + end.entries_more;
  return local + central + "PK\x05\x06" + u32(0) + u16(entries) + u16(entries) + u32(central.size() + end.size_more) +
         u32(local.size() + end.place_more) + u16(end.comment.size() + end.comment_more) + end.comment + end.behind;
}

// What entry 'a' holds, read `times` times, or the error.
std::string content(const std::string& bytes, int times = 1, Budget budget = inflate_budget(0)) {
  auto archive = ZipArchive::open(Blob{bytes_of(bytes), nullptr}, budget);
  if (!archive) return archive.error().message();
  const ZipEntry* entry = archive->find("a");
  if (entry == nullptr) return "no entry";
  std::string text;
  for (int i = 0; i < times; ++i) {
    const auto read = archive->read(*entry);
    if (!read) return read.error().message();
    text.assign(reinterpret_cast<const char*>(read->bytes.data()), read->bytes.size());
  }
  return text;
}

TEST(ZipArchive, EndsInACommentOfUpTo65535Bytes) {
  for (const std::size_t length : {0, 1, 21, 22, 1000, 65'535}) {
    EXPECT_EQ(content(zip({Part{}}, {.comment = std::string(length, 'c')})), "hello") << length;
  }
  EXPECT_EQ(content(zip({Part{}}, {.behind = "\n"})), "hello");
  EXPECT_EQ(content(zip({Part{}}, {.behind = std::string(65'535, '\n')})), "hello");
  EXPECT_THAT(content(zip({Part{}}, {.behind = std::string(65'536, '\n')})), HasSubstr("no central directory"));
  EXPECT_THAT(content(zip({Part{}}, {.comment_more = 1})), HasSubstr("no central directory"));
  // The mark of an end inside of the comment is none where its own comment does not fit.
  const std::string fake = "PK\x05\x06" + std::string(16, '\0') + u16(1);
  EXPECT_EQ(content(zip({Part{}}, {.comment = fake})), "hello");
  EXPECT_EQ(content(zip({})), "no entry");
  EXPECT_THAT(content(zip({}).substr(1)), HasSubstr("no central directory"));
}

TEST(ZipArchive, ItsDirectoryLiesInTheFile) {
  const std::string outside = "the directory lies outside of the file";
  EXPECT_THAT(content(zip({Part{}}, {.place_more = 1'000'000})), HasSubstr(outside));
  EXPECT_THAT(content(zip({Part{}}, {.size_more = 23})), HasSubstr(outside));
  EXPECT_THAT(content(zip({Part{}}, {.entries_more = 1})), HasSubstr("an entry of the directory has no signature"));
  EXPECT_THAT(content(zip({Part{}}, {.size_more = 22, .place_more = 0})), "hello");
  EXPECT_THAT(content(zip({Part{}}, {.place_more = 1})), Not(HasSubstr("hello")));
  EXPECT_EQ(content(zip({Part{.name = "b"}, Part{}})), "hello");
  EXPECT_EQ(content(zip({Part{.name = "b", .remark = "about b"}, Part{}})), "hello");
}

TEST(ZipArchive, AnEntryStandsBehindItsOwnHeader) {
  EXPECT_EQ(content(zip({Part{.extra = "extra"}})), "hello");
  EXPECT_EQ(content(zip({Part{.name = "b", .extra = "x"}, Part{.extra = "yz"}})), "hello");
  EXPECT_THAT(content(zip({Part{.place_more = 1}})), HasSubstr("'a' is not where it should be"));
  EXPECT_THAT(content(zip({Part{.place_more = 100'000}})), HasSubstr("'a' is not where it should be"));
}

TEST(ZipArchive, AStoredEntryHasOneSizeAndItsChecksum) {
  EXPECT_EQ(content(zip({Part{}})), "hello");
  EXPECT_EQ(content(zip({Part{.data = "", .size = 0, .crc = 0}})), "");
  EXPECT_EQ(content(zip({Part{.crc = 0}})), "hello");  // not written
  EXPECT_THAT(content(zip({Part{.crc = 1}})), HasSubstr("'a' fails its CRC check"));
  EXPECT_THAT(content(zip({Part{.size = 4}})), HasSubstr("'a' has two sizes"));
  EXPECT_THAT(content(zip({Part{.size = 6}})), HasSubstr("'a' has two sizes"));
  EXPECT_THAT(content(zip({Part{.size = 1'000'005, .compressed_more = 1'000'000}})), HasSubstr("file ends early"));
  for (const std::size_t method : {1, 7, 9, 12, 93}) {
    EXPECT_THAT(content(zip({Part{.method = method}})), HasSubstr(fmt::format("compressed by method {},", method)));
  }
}

TEST(ZipArchive, ADeflatedEntryHoldsWhatItClaims) {
  const auto deflated = [](std::size_t size, std::uint32_t crc) {
    return Part{.data = deflated_by_hand("hello"), .method = 8, .size = size, .crc = crc};
  };
  const std::uint32_t crc = crc32_of("hello");
  EXPECT_EQ(content(zip({deflated(5, crc)})), "hello");
  EXPECT_EQ(content(zip({deflated(5, crc)}), 9), "hello");
  EXPECT_THAT(content(zip({deflated(5, crc + 1)})), HasSubstr("'a' fails its CRC check"));
  EXPECT_THAT(content(zip({deflated(4, crc)})),
              HasSubstr("damaged zip archive: 'a': compressed data that do not hold"));
  EXPECT_THAT(content(zip({deflated(6, crc)})), HasSubstr("damaged zip archive: 'a': "));
  EXPECT_THAT(content(zip({deflated(10 * 1032 + 1032, crc)})), HasSubstr("cannot hold the 11352 that are claimed"));
  EXPECT_THAT(content(zip({deflated(10 * 1032 + 1031, crc)})), Not(HasSubstr("cannot hold")));
  EXPECT_EQ(content(zip({deflated(5, crc)}), 1, Budget(5, 1, 0)), "hello");
  EXPECT_THAT(content(zip({deflated(5, crc)}), 1, Budget(4, 1, 0)), HasSubstr("more than 4 bytes of memory"));
}

// Two looks at all of the file are allowed, not a third: entries that overlap would make much of little.
TEST(ZipArchive, StoredEntriesGiveAtMostTwiceTheFile) {
  const std::string text(1000, 'x');
  const std::string bytes = zip({Part{.data = text, .size = 1000, .crc = 0}});
  EXPECT_EQ(content(bytes, 2), text);
  EXPECT_THAT(content(bytes, 3), HasSubstr("entries that overlap"));
}

TEST(ZipArchive, HasAtMostAMillionEntries) {
  std::string zip64 = "PK\x06\x06" + u32(44) + u32(0) + u32(0) + u32(0) + u32(0);
  const auto with_entries = [&](std::size_t entries) {
    const std::string numbers = u32(entries) + u32(0) + u32(entries) + u32(0) + u32(0) + u32(0) + u32(0) + u32(0);
    const std::string locator = "PK\x06\x07" + u32(0) + u32(0) + u32(0) + u32(1);
    return content(zip64 + numbers + locator + "PK\x05\x06" + u32(0) + u16(0xFFFF) + u16(0xFFFF) + u32(0) + u32(0) +
                   u16(0));
  };
  EXPECT_EQ(with_entries(0), "no entry");
  EXPECT_THAT(with_entries((std::size_t{1} << 20) + 1), HasSubstr("1048577 entries"));
  EXPECT_THAT(with_entries(std::size_t{1} << 20), HasSubstr("an entry of the directory has no signature"));
}

}  // namespace
}  // namespace smlp
