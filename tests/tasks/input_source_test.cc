// Inputs of several kinds through a source: which picture is a row of which file, and files that are opened once.
#include "tasks/input_source.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "support/scratch.h"

namespace smlp {
namespace {

const InputSpec kSpec{.channels = 3, .side = 1, .how = {}, .max_rows = 0};

class AllTheRoom final : public Room {
 public:
  bool take(std::uint64_t bytes) override {
    taken += bytes;
    return open;
  }
  std::uint64_t taken = 0;
  bool open = true;
};

class InputSourceTest : public testing::Test {
 protected:
  // A .bin of `rows` pictures whose values are first, first + 1, ...
  Input bin(const std::string& name, int rows, float first) {
    std::vector<float> values;
    for (int i = 0; i < 3 * rows; ++i) values.push_back(first + static_cast<float>(i));
    const auto bytes = std::as_bytes(std::span(values));
    const auto path = scratch_.write(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    const FileStamp stamp = stamp_by_name(path);
    return {.file = path, .kind = InputKind::bin, .rows = rows, .bytes = stamp.bytes, .mtime_ns = stamp.mtime_ns};
  }

  test::Scratch scratch_;
  AllTheRoom room_;
};

TEST_F(InputSourceTest, RowsOfAllInputsFollowOneAnother) {
  const std::vector<Input> files = {bin("a.bin", 2, 0), bin("b.bin", 1, 6), bin("c.bin", 3, 9)};
  InputSource source(files, kSpec);
  ASSERT_EQ(source.size(), 6U);
  for (const std::size_t i : {5, 0, 3, 2, 1, 4}) {
    const auto reading = source.read(i, room_);
    ASSERT_TRUE(reading) << reading.error().message();
    const auto values = std::get<std::span<const float>>(reading->material);
    const auto first = static_cast<float>(3 * i);
    EXPECT_THAT(std::vector<float>(values.begin(), values.end()), testing::ElementsAre(first, first + 1, first + 2));
  }
  EXPECT_EQ(room_.taken, 6U * 12U);
  EXPECT_EQ(source.name(2), files[1].name());
  EXPECT_EQ(source.name(5), files[2].name() + "[2]");
}

TEST_F(InputSourceTest, AFileIsOpenFromItsFirstRowToItsLast) {
  const std::vector<Input> files = {bin("a.bin", 3, 0)};
  InputSource source(files, kSpec);
  ASSERT_TRUE(source.read(0, room_));
  bin("other.bin", 3, 100);
  std::filesystem::rename(scratch_.folder() / "other.bin", files[0].file);
  for (const std::size_t i : {1, 2}) {
    const auto reading = source.read(i, room_);
    ASSERT_TRUE(reading);
    EXPECT_EQ(std::get<std::span<const float>>(reading->material)[0], static_cast<float>(3 * i));
  }
}

TEST_F(InputSourceTest, WhatCannotBeReadIsAnErrorOfItsRowsAlone) {
  std::vector<Input> files = {bin("a.bin", 1, 0), bin("b.bin", 2, 3)};
  std::filesystem::remove(files[0].file);
  InputSource source(files, kSpec);
  EXPECT_FALSE(source.read(0, room_));
  EXPECT_TRUE(source.read(1, room_));
  room_.open = false;
  EXPECT_FALSE(source.read(2, room_));
}

}  // namespace
}  // namespace smlp
