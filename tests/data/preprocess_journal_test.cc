#include "data/preprocess_journal.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "data/bin_folder.h"
#include "data/labels.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string pattern = (fs::temp_directory_path() / "smlp-journal-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ / "journal";
  }
  ~JournalTest() override { fs::remove_all(directory_); }

  static std::string content(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void set_content(std::string_view text) { std::ofstream(path_, std::ios::binary) << text; }

  const JournalHeader header_{.batch_size = 2,
                              .pictures = 5,
                              .listing_sha256 = "ab",
                              .how = {.resize = 300,
                                      .crop = 200,
                                      .mean = {0.1F, 0.2F, 0.3F},
                                      .std = {0.4F, 0.5F, 0.6F},
                                      .interpolation = Interpolation::lanczos},
                              .shard = "2/3",
                              .first_bin = 7};
  const std::vector<BatchRecord> batches_ = {
      {{{10, 1, "aa", ""}, {11, 2, "bb", "broken: \"quoted\"\n"}, {12, 3, "cc", ""}}},
      {{{13, -4, "dd", ""}}, {602112, -7}},
      {{{0, 0, "", "missing"}}},
  };

  void write_all() {
    auto writer = JournalWriter::create(path_, header_);
    ASSERT_TRUE(writer);
    for (const BatchRecord& batch : batches_) ASSERT_TRUE(writer->append(batch));
  }
  fs::path directory_, path_;
};

TEST_F(JournalTest, NoFileIsNoJournal) {
  const auto journal = read_journal(path_);
  ASSERT_TRUE(journal);
  EXPECT_FALSE(*journal);
}

TEST_F(JournalTest, ComesBackAsItWasWritten) {
  write_all();
  const auto journal = read_journal(path_);
  ASSERT_TRUE(journal && *journal);
  EXPECT_EQ((*journal)->header, header_);
  EXPECT_EQ((*journal)->recorded(), 5U);
  EXPECT_TRUE((*journal)->complete());
  ASSERT_EQ((*journal)->batches.size(), batches_.size());
  for (std::size_t b = 0; b < batches_.size(); ++b) {
    EXPECT_EQ((*journal)->batches[b].good(), batches_[b].good());
    EXPECT_EQ((*journal)->batches[b].bin, batches_[b].bin);
    ASSERT_EQ((*journal)->batches[b].pictures.size(), batches_[b].pictures.size());
    for (std::size_t i = 0; i < batches_[b].pictures.size(); ++i) {
      const PictureRecord &got = (*journal)->batches[b].pictures[i], &put = batches_[b].pictures[i];
      EXPECT_EQ(got.bytes, put.bytes);
      EXPECT_EQ(got.mtime_ns, put.mtime_ns);
      EXPECT_EQ(got.sha256, put.sha256);
      EXPECT_EQ(got.error, put.error);
    }
  }
}

// A kill may cut the file anywhere: what is left counts up to its last whole line, and writing on gives the same file.
TEST_F(JournalTest, GoesOnFromAnyCut) {
  write_all();
  const std::string whole = content(path_);
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    set_content(whole.substr(0, cut));
    auto journal = read_journal(path_);
    ASSERT_TRUE(journal) << cut;
    if (!*journal) {
      EXPECT_LE(cut, whole.find('\n'));
      continue;
    }
    const std::size_t lines = static_cast<std::size_t>(std::ranges::count(whole.substr(0, cut), '\n'));
    ASSERT_EQ((*journal)->batches.size(), lines - 1);
    {
      auto writer = JournalWriter::reopen(path_, **journal);
      ASSERT_TRUE(writer);
      for (std::size_t b = lines - 1; b < batches_.size(); ++b) ASSERT_TRUE(writer->append(batches_[b]));
    }
    EXPECT_EQ(content(path_), whole) << cut;
  }
}

TEST_F(JournalTest, EndingsAreKeptUntilABatchIsForgotten) {
  write_all();
  const std::vector<std::string> sums = {"one", "two"};
  {
    const auto journal = read_journal(path_);
    ASSERT_TRUE(journal && *journal);
    EXPECT_THAT((*journal)->endings, ::testing::IsEmpty());
    ASSERT_TRUE(JournalWriter::reopen(path_, **journal).value().append_endings(sums));
  }
  auto journal = read_journal(path_).value().value();
  EXPECT_EQ(journal.endings, sums);
  EXPECT_TRUE(journal.complete());
  journal.keep_first(1);
  EXPECT_THAT(journal.endings, ::testing::IsEmpty());
  ASSERT_TRUE(JournalWriter::reopen(path_, journal).value().append(batches_[1]));
  EXPECT_EQ(read_journal(path_).value()->batches.size(), 2U);
  EXPECT_THAT(read_journal(path_).value()->endings, ::testing::IsEmpty());
}

TEST_F(JournalTest, AJournalThatForgetsAllBatchesIsItsFirstLine) {
  write_all();
  const std::string first = content(path_).substr(0, content(path_).find('\n') + 1);
  auto journal = read_journal(path_).value().value();
  EXPECT_FALSE(journal.batches.empty());
  journal.keep_first(0);
  EXPECT_EQ(journal.recorded(), 0U);
  EXPECT_FALSE(journal.complete());
  ASSERT_TRUE(JournalWriter::reopen(path_, journal));
  EXPECT_EQ(content(path_), first);
}

TEST_F(JournalTest, DamageIsAnErrorThatNamesTheFileAndTheByte) {
  write_all();
  const std::string whole = content(path_);
  const std::size_t second = whole.find('\n') + 1;
  set_content(whole.substr(0, second) + "garbage\n" + whole.substr(second));
  const auto journal = read_journal(path_);
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().file, path_.string());
  EXPECT_EQ(journal.error().offset, second);
  for (const char* other : {"{}\n", "[1,2]\n", "{\"smlp_preprocess\":1}\n", "\n"}) {
    set_content(other);
    EXPECT_FALSE(read_journal(path_)) << other;
  }
  // Numbers that are not what they seem: cut off or wrapped they would describe another run.
  for (const auto& [number, other] : {std::pair("\"pictures\":5", "\"pictures\":5.5"),
                                      {"\"pictures\":5", "\"pictures\":-1"},
                                      {"\"batch_size\":2", "\"batch_size\":4294967298"},
                                      {"\"batch_size\":2", "\"batch_size\":true"},
                                      {"\"interpolation\":\"lanczos\"", "\"interpolation\":\"magic\""},
                                      {"\"first_bin\":7", "\"first_bin\":-7"},
                                      {"\"resize\":300", "\"resize\":4294967596"},
                                      {"\"smlp_preprocess\":2", "\"smlp_preprocess\":3"},
                                      {"[10,1,", "[1e300,1,"},
                                      {"[602112,-7]", "[602112,-7e300]"}}) {
    std::string text = whole;
    const std::size_t at = text.find(number);
    ASSERT_NE(at, std::string::npos) << number;
    set_content(text.replace(at, std::string_view(number).size(), other));
    EXPECT_FALSE(read_journal(path_)) << other;
  }
}

TEST(BinFolder, BatchNumbers) {
  EXPECT_EQ(batch_number("batch-00012"), 12U);
  EXPECT_EQ(batch_number("batch-00012.bin"), 12U);
  EXPECT_EQ(batch_number("batch-7_0.npy"), 7U);
  EXPECT_EQ(batch_number("batch-100000"), 100000U);
  for (const char* other : {"batch-", "batch-x", "batch-1x", "xbatch-1", "batch--1", "batch-99999999999999999999"}) {
    EXPECT_FALSE(batch_number(other)) << other;
  }
  EXPECT_EQ(bin_name(12), "batch-00012.bin");
  EXPECT_EQ(bin_name(123456), "batch-123456.bin");
}

TEST_F(JournalTest, LabelsComeBackAndNegativeOnesOnlyPad) {
  const LabelTable table{.batch_size = 3, .labels = {5, 0, 7, 1, kNoLabel, kNoLabel}};
  set_content(labels_bytes(table));
  const auto read = read_labels(path_);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->labels, table.labels);
  EXPECT_EQ(read->bins(), 2U);
  EXPECT_EQ(read->pictures(), 4U);
  set_content(labels_bytes({.batch_size = 2, .labels = {1, kNoLabel, 2, 3}}));
  const auto refused = read_labels(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().file, path_.string());
}

}  // namespace
}  // namespace smlp
