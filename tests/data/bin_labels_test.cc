#include "data/bin_labels.h"

#include <gmock/gmock.h>

#include "data/bin_folder.h"
#include "data/labels.h"
#include "data/preprocess_journal.h"
#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

PictureRecord picture(const char* sha256, const char* error = "") {
  return {.bytes = 1, .mtime_ns = 1, .sha256 = sha256, .error = error};
}

class BinLabelsTest : public ::testing::Test {
 protected:
  void write_bins(int count) {
    for (int i = 0; i < count; ++i) scratch_.write(fmt::format("bins/batch-{:05}.bin", i), "x");
  }
  void write_labels(std::size_t batch, std::vector<std::int64_t> labels) {
    scratch_.write("labels.npy", labels_bytes({.batch_size = batch, .labels = std::move(labels)}));
  }
  // Two bins of two pictures and one, with a broken picture in the first.
  void write_journal(std::uint64_t first_bin = 0) {
    auto writer =
        JournalWriter::create(bins_ / kPreprocessJournal, {.batch_size = 2, .pictures = 4, .first_bin = first_bin});
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->append({{picture("aa"), picture("bb", "broken"), picture("cc")}}));
    ASSERT_TRUE(writer->append({{picture("dd")}}));
  }
  static std::string line(int batch, int index, const char* sha256, int label, const char* folder = "c") {
    return fmt::format(R"({{"file":"f","label":{},"class":"{}","sha256":"{}","batch":{},"index":{}}})"
                       "\n",
                       label, folder, sha256, batch, index);
  }
  BinLabels find() {
    auto labels = find_bin_labels(bins_);
    EXPECT_TRUE(labels) << labels.error().message();
    return labels ? *labels : BinLabels();
  }

  test::Scratch scratch_;
  std::filesystem::path bins_ = scratch_.folder() / "bins";
};

TEST_F(BinLabelsTest, OfAnotherToolARowABin) {
  write_bins(2);
  write_labels(3, {5, 1, 2, 7, kNoLabel, kNoLabel});
  EXPECT_THAT(find().of_batch, ElementsAre(Pair(0, ElementsAre(5, 1, 2)), Pair(1, ElementsAre(7))));
  EXPECT_EQ(find().source, (std::filesystem::canonical(scratch_.folder()) / "labels.npy").string());
}

TEST_F(BinLabelsTest, OfOtherBinsTheyAreNoLabels) {
  write_bins(3);
  EXPECT_THAT(find().missing, HasSubstr("labels.npy is not there"));
  write_labels(1, {1, 2});
  EXPECT_THAT(find().missing, HasSubstr("has labels of 2 bins"));
  EXPECT_THAT(find().of_batch, IsEmpty());
  EXPECT_EQ(find().source, "");
  write_labels(1, {1, 2, 3});
  EXPECT_EQ(find().of_batch.size(), 3U);
  std::filesystem::rename(bins_ / "batch-00001.bin", bins_ / "batch-00007.bin");
  EXPECT_THAT(find().missing, HasSubstr("lacks batch-00001.bin"));
  scratch_.write("labels.npy", "no array");
  EXPECT_FALSE(find_bin_labels(bins_));
  EXPECT_FALSE(find_bin_labels(scratch_.folder() / "nowhere"));
}

TEST_F(BinLabelsTest, OfPreprocessByThePicturesThemselves) {
  write_bins(2);
  write_labels(2, {9, 9, 9, 9});  // of whom, nobody knows
  write_journal();
  EXPECT_THAT(find().missing, HasSubstr("manifest.jsonl is not there"));
  const std::string first = line(0, 0, "aa", 3) + line(0, 1, "cc", 4);
  scratch_.write("manifest.jsonl", first + line(1, 0, "dd", 5));
  EXPECT_THAT(find().of_batch, ElementsAre(Pair(0, ElementsAre(3, 4)), Pair(1, ElementsAre(5))));
  for (const std::string& other :
       {first + line(1, 0, "ee", 5), first, first + line(1, 0, "dd", 5) + line(2, 0, "ff", 0),
        first + line(1, 0, "dd", 5) + line(1, 1, "ff", 0),
        line(0, 0, "cc", 3) + line(0, 1, "aa", 4) + line(1, 0, "dd", 5)}) {
    scratch_.write("manifest.jsonl", other);
    EXPECT_THAT(find().missing, HasSubstr("manifest.jsonl is of other bins")) << other;
    EXPECT_THAT(find().of_batch, IsEmpty());
  }
  scratch_.write("manifest.jsonl", line(0, 1, "aa", 3));
  EXPECT_THAT(find_bin_labels(bins_).error().message(), HasSubstr("line 1"));
}

// Where no picture of a bin could be read there is no bin, and no line of the manifest.
TEST_F(BinLabelsTest, OfPreprocessABinOfBrokenPicturesAloneHasNone) {
  write_bins(1);
  auto writer = JournalWriter::create(bins_ / kPreprocessJournal, {.batch_size = 2, .pictures = 3, .first_bin = 0});
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->append({{picture("aa"), picture("cc")}}));
  ASSERT_TRUE(writer->append({{picture("bb", "broken")}}));
  scratch_.write("manifest.jsonl", line(0, 0, "aa", 3) + line(0, 1, "cc", 4));
  EXPECT_THAT(find().of_batch, ElementsAre(Pair(0, ElementsAre(3, 4))));
}

TEST_F(BinLabelsTest, OfPreprocessTheyAreFoldersUnlessThoseAreTheNumbers) {
  write_bins(2);
  write_journal();
  scratch_.write("manifest.jsonl", line(0, 0, "aa", 3, "3") + line(0, 1, "cc", 4, "4") + line(1, 0, "dd", 5, "5"));
  EXPECT_THAT(find().folder_of_label, IsEmpty());
  EXPECT_THAT(find().of_batch, ElementsAre(Pair(0, ElementsAre(3, 4)), Pair(1, ElementsAre(5))));
  scratch_.write("manifest.jsonl", line(0, 0, "aa", 3, "3") + line(0, 1, "cc", 4, "dog") + line(1, 0, "dd", 3, "3"));
  EXPECT_THAT(find().folder_of_label, ElementsAre(Pair(3, "3"), Pair(4, "dog")));
  scratch_.write("manifest.jsonl", line(0, 0, "aa", 3, "4") + line(0, 1, "cc", 4, "3") + line(1, 0, "dd", 3, "4"));
  EXPECT_THAT(find().folder_of_label, ElementsAre(Pair(3, "4"), Pair(4, "3")));
}

TEST_F(BinLabelsTest, OfAPartTheyAreOfItsBins) {
  write_bins(2);
  write_journal(7);
  scratch_.write("manifest.jsonl", line(7, 0, "aa", 3) + line(7, 1, "cc", 4) + line(8, 0, "dd", 5));
  EXPECT_THAT(find().of_batch, ElementsAre(Pair(7, ElementsAre(3, 4)), Pair(8, ElementsAre(5))));
  scratch_.write("manifest.jsonl", line(0, 0, "aa", 3) + line(0, 1, "cc", 4) + line(1, 0, "dd", 5));
  EXPECT_THAT(find().missing, HasSubstr("manifest.jsonl is of other bins"));
}

TEST_F(BinLabelsTest, ADamagedManifestIsAnErrorThatNamesTheLine) {
  write_bins(2);
  write_journal();
  const std::string first = line(0, 0, "aa", 3);
  for (const std::string& second :
       {line(0, 1, "cc", 3, "other"), line(0, 2, "cc", 4), line(0, 0, "cc", 4), std::string("{}\n"), std::string("x\n"),
        std::string("\n"), std::string(R"({"label":1.5,"class":"c","sha256":"cc","batch":0,"index":1})"),
        std::string(R"({"label":1,"class":"c","sha256":"cc","batch":-1,"index":1})")}) {
    scratch_.write("manifest.jsonl", first + second);
    const auto labels = find_bin_labels(bins_);
    ASSERT_FALSE(labels) << second;
    EXPECT_THAT(labels.error().message(), HasSubstr("manifest.jsonl: line 2: ")) << second;
  }
}

TEST_F(BinLabelsTest, OfAnUnfinishedRunNothingIsKnown) {
  write_bins(1);
  auto writer = JournalWriter::create(bins_ / kPreprocessJournal, {.batch_size = 1, .pictures = 2});
  ASSERT_TRUE(writer->append({{picture("aa")}}));
  scratch_.write("manifest.jsonl", line(0, 0, "aa", 3));
  EXPECT_THAT(find().missing, HasSubstr("did not finish"));
}

}  // namespace
}  // namespace smlp
