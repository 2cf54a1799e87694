#include <gtest/gtest.h>

#include "base/byte_reader.h"
#include "base/file_map.h"

namespace smlp {
namespace {

TEST(Error, MessageHoldsEveryPartInOneLine) {
  const Error error{
      .what = "too short", .file = "a.pth", .offset = 12, .tensor = "fc.weight", .remedy = "get it again"};
  EXPECT_EQ(error.message(), "a.pth: tensor 'fc.weight': too short (at byte 12); get it again");
}

TEST(Error, TheInnermostPartIsKept) { EXPECT_EQ(Error{.what = "x"}.in("inner").in("outer").message(), "inner: x"); }

TEST(ByteReader, ReadsLittleEndianAndStopsAtTheEnd) {
  const std::byte bytes[] = {std::byte{0x34}, std::byte{0x12}, std::byte{7}};
  ByteReader reader(bytes, 100);
  EXPECT_EQ(reader.read<std::uint16_t>().value(), 0x1234);
  const auto error = reader.read<std::uint32_t>();
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().offset, 102U);
}

TEST(ByteReader, AHugeCountIsAnErrorNotAnOverflow) {
  const std::byte bytes[4] = {};
  ByteReader reader(bytes);
  EXPECT_FALSE(reader.take(~std::uint64_t{0}));
}

TEST(FileMap, NamesAMissingFile) {
  const auto map = FileMap::open("/nonexistent/x.pth");
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().file, "/nonexistent/x.pth");
}

}  // namespace
}  // namespace smlp
