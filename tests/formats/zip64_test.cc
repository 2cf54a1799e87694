// Zip archives with the fields of zip64, as archives of more than 4 GiB have them: a small one, rewritten.
#include <gmock/gmock.h>

#include <cstring>

#include "formats/fixtures.h"
#include "formats/read.h"

namespace smlp {
namespace {

using testing::HasSubstr;

template <class T>
T number_at(const std::string& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

template <class T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

constexpr std::size_t kEndBytes = 22, kEntryBytes = 46;

// One entry of the directory at `at`, its three numbers moved into the extra field of zip64 behind another one.
std::string wide_entry(const std::string& zip, std::size_t at) {
  const auto name = number_at<std::uint16_t>(zip, at + 28);
  std::string entry = zip.substr(at, kEntryBytes + name), extra;
  append<std::uint16_t>(extra, 0x5455);  // a time
  append<std::uint16_t>(extra, 1);
  extra += '\0';
  append<std::uint16_t>(extra, 1);
  append<std::uint16_t>(extra, 24);
  for (const std::size_t field : {24, 20, 42}) {  // size, compressed, place of the local header
    append<std::uint64_t>(extra, number_at<std::uint32_t>(entry, field));
    put<std::uint32_t>(entry, field, 0xFFFFFFFF);
  }
  put<std::uint16_t>(entry, 30, static_cast<std::uint16_t>(extra.size()));
  put<std::uint16_t>(entry, 32, 0);
  return entry + extra;
}

// The layout is that of PKWARE's APPNOTE, 4.3.12 to 4.3.16. `zip` has no comment.
std::string as_zip64(const std::string& zip) {
  const std::size_t end = zip.size() - kEndBytes;
  const auto entries = number_at<std::uint16_t>(zip, end + 10);
  std::size_t at = number_at<std::uint32_t>(zip, end + 16);
  std::string out = zip.substr(0, at), directory, last = zip.substr(end);
  for (int i = 0; i < entries; ++i) {
    directory += wide_entry(zip, at);
    at += kEntryBytes + number_at<std::uint16_t>(zip, at + 28) + number_at<std::uint16_t>(zip, at + 30) +
          number_at<std::uint16_t>(zip, at + 32);
  }
  const std::uint64_t start = out.size(), record = start + directory.size();
  out += directory;
  append<std::uint32_t>(out, 0x06064B50);
  append<std::uint64_t>(out, 44);
  append<std::uint32_t>(out, 45 << 16 | 45);  // versions
  append<std::uint64_t>(out, 0);              // this disk, the directory's
  append<std::uint64_t>(out, entries);
  append<std::uint64_t>(out, entries);
  append<std::uint64_t>(out, directory.size());
  append<std::uint64_t>(out, start);
  append<std::uint32_t>(out, 0x07064B50);
  append<std::uint32_t>(out, 0);
  append<std::uint64_t>(out, record);
  append<std::uint32_t>(out, 1);
  put<std::uint16_t>(last, 8, 0xFFFF);
  put<std::uint16_t>(last, 10, 0xFFFF);
  put<std::uint32_t>(last, 12, 0xFFFFFFFF);
  put<std::uint32_t>(last, 16, 0xFFFFFFFF);
  return out + last;
}

TEST(Zip64, GivesTheTensorsOfTheSmallArchive) {
  for (const char* name : {"zip.pth", "deflated.pth"}) {
    SCOPED_TRACE(name);
    const std::string small = read_text(fixture(name)), large = as_zip64(small);
    const auto plain = read_bytes(small), wide = read_bytes(large);
    ASSERT_TRUE(plain);
    ASSERT_TRUE(wide) << wide.error().message();
    ASSERT_EQ(wide->tensors.size(), plain->tensors.size());
    for (std::size_t i = 0; i < plain->tensors.size(); ++i) {
      EXPECT_EQ(wide->tensors[i].name, plain->tensors[i].name);
      EXPECT_EQ(wide->tensors[i].shape, plain->tensors[i].shape);
      EXPECT_EQ(wide->tensors[i].to_float().value_or(std::vector<float>()),
                plain->tensors[i].to_float().value_or(std::vector<float>()));
    }
  }
}

TEST(Zip64, DamagedFieldsAreRefused) {
  const std::string wide = as_zip64(read_text(fixture("zip.pth")));
  const std::size_t locator = wide.size() - kEndBytes - 20, record = locator - 56;
  for (const std::size_t at : {record, record + 32, record + 40, record + 48, locator + 8}) {
    std::string damaged = wide;
    damaged[at + 5] ^= 1;  // of a number of eight bytes: more than there is; of the first: no record's mark
    if (at == record) damaged[at] ^= 1;
    EXPECT_THAT(error_of(damaged), HasSubstr("damaged zip archive")) << at - record;
  }
}

}  // namespace
}  // namespace smlp
