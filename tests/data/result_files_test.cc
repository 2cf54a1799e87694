// What infer writes, byte by byte, and the packed array, which grows under a hidden name and is gone on with.
#include "data/result_files.h"

#include <gmock/gmock.h>

#include "base/sha256.h"
#include "data/npy.h"
#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string raw(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

TEST(ResultFiles, AreNamedByTheInputTheOutputAndTheFormat) {
  EXPECT_EQ(result_name("batch-00000", ResultFormat::npy), "batch-00000_0.npy");
  EXPECT_EQ(result_name("a.b", ResultFormat::bin), "a.b_0.bin");
  EXPECT_EQ(result_name("", ResultFormat::txt), "_0.txt");
}

TEST(ResultFiles, HoldARowAPicture) {
  const std::vector<float> logits = {1, -2.5F, 0.125F, 4, 5, 1e-7F};
  EXPECT_EQ(result_bytes(ResultFormat::bin, logits, 3), raw(logits));
  EXPECT_EQ(result_bytes(ResultFormat::txt, logits, 3), "1.000000 -2.500000 0.125000\n4.000000 5.000000 0.000000\n");
  const std::string bytes = result_bytes(ResultFormat::npy, logits, 3);
  const auto array = NpyArray::parse(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(array) << array.error().message();
  EXPECT_THAT(array->shape(), ElementsAre(2, 3));
  EXPECT_EQ(array->descr(), "<f4");
  EXPECT_EQ(array->to_floats(), logits);
  EXPECT_EQ(result_bytes(ResultFormat::txt, {}, 3), "");
}

// Three inputs of two classes: one of two pictures, a broken one, one of a single picture.
class PackedResultTest : public ::testing::Test {
 protected:
  struct Given {
    const char* stem;
    std::vector<float> logits;
  };
  const std::vector<Given> given_ = {{"a", {1, 2, 3, 4}}, {"b", {}}, {"c", {5, 6}}};
  static constexpr std::size_t kHeader = 128;  // npy_header's, whatever the number of rows

  // Appends what `record` lacks.
  void append(PackedWriter& writer, RunRecord& record) {
    for (std::size_t i = record.rows.size(); i < given_.size(); ++i) {
      record.rows.push_back(writer.append(given_[i].stem, given_[i].logits).value());
    }
  }
  void expect_whole() {
    const auto array = NpyArray::open(folder_ / kPackedResult);
    ASSERT_TRUE(array) << array.error().message();
    EXPECT_THAT(array->shape(), ElementsAre(3, 2));
    EXPECT_THAT(array->to_floats(), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_EQ(content(folder_ / kPackedNames), "a\t0\na\t1\nc\t0\n");
    EXPECT_FALSE(fs::exists(packed_part(folder_).shown));
  }
  void finish(PackedWriter& writer, const RunRecord& record) {
    fs::remove(folder_ / kRunRecord);
    auto run = RunRecordWriter::create(folder_, RunIdentity{.classes = 2}, "{}").value();
    ASSERT_TRUE(writer.finish(record.rows, run));
  }

  test::Scratch scratch_;
  const fs::path folder_ = scratch_.folder();
};

TEST_F(PackedResultTest, HasItsNameWhenItIsWhole) {
  RunRecord record;
  auto writer = PackedWriter::open(folder_, 2, record).value();
  append(writer, record);
  EXPECT_FALSE(fs::exists(folder_ / kPackedResult));
  ASSERT_EQ(record.rows.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(record.rows[i].stem, given_[i].stem);
    EXPECT_EQ(record.rows[i].rows, static_cast<int>(given_[i].logits.size() / 2));
    EXPECT_EQ(record.rows[i].sha256, sha256_of(std::as_bytes(std::span(given_[i].logits))));
  }
  finish(writer, record);
  expect_whole();
  const auto known = read_run_record(folder_);
  ASSERT_TRUE(known && *known);
  EXPECT_EQ((*known)->state_of(folder_, kPackedResult).value(), FileState::whole);
  EXPECT_EQ((*known)->state_of(folder_, kPackedNames).value(), FileState::whole);
}

TEST_F(PackedResultTest, GoesOnAfterTheRowsThatAreWhole) {
  RunRecord record;
  {
    auto writer = PackedWriter::open(folder_, 2, record).value();
    append(writer, record);
  }
  const std::string part = content(packed_part(folder_).shown);
  ASSERT_EQ(part.size(), kHeader + 24);
  std::string changed = part;
  changed[kHeader + 20] ^= 1;
  const std::pair<std::string, std::size_t> cuts[] = {{part, 3},
                                                      {part + "more", 3},
                                                      {part.substr(0, kHeader + 23), 2},
                                                      {part.substr(0, kHeader + 16), 2},
                                                      {part.substr(0, kHeader + 15), 0},
                                                      {part.substr(0, kHeader), 0},
                                                      {part.substr(0, kHeader - 1), 0},
                                                      {"", 0},
                                                      {changed, 2}};
  for (const auto& [bytes, whole] : cuts) {
    SCOPED_TRACE(fmt::format("{} bytes, {} inputs", bytes.size(), whole));
    fs::remove(folder_ / kPackedResult);
    scratch_.write(packed_part(folder_).shown.filename(), bytes);
    RunRecord again = record;
    auto writer = PackedWriter::open(folder_, 2, again).value();
    EXPECT_EQ(again.rows.size(), whole);
    append(writer, again);
    finish(writer, again);
    expect_whole();
  }
}

TEST_F(PackedResultTest, StartsAnewWhereNothingIsRecorded) {
  scratch_.write(packed_part(folder_).shown.filename(), std::string(1000, 'x'));
  RunRecord record;
  auto writer = PackedWriter::open(folder_, 2, record).value();
  append(writer, record);
  finish(writer, record);
  expect_whole();
}

TEST_F(PackedResultTest, WithoutItsPartNothingRecordedCounts) {
  RunRecord record;
  {
    auto writer = PackedWriter::open(folder_, 2, record).value();
    append(writer, record);
  }
  fs::remove(packed_part(folder_).shown);
  auto writer = PackedWriter::open(folder_, 2, record).value();
  EXPECT_TRUE(record.rows.empty());
  append(writer, record);
  finish(writer, record);
  expect_whole();
}

}  // namespace
}  // namespace smlp
