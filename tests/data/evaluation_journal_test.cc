#include "data/evaluation_journal.h"

#include <gmock/gmock.h>

#include <fstream>
#include <limits>

#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class EvaluationJournalTest : public ::testing::Test {
 protected:
  const RunIdentity identity_ = {.program = "1",
                                 .model_sha256 = std::string(64, 'a'),
                                 .precision = "fp32",
                                 .isa = "avx2",
                                 .preprocess = "p",
                                 .inputs_sha256 = std::string(64, 'b'),
                                 .labels = "wnid",
                                 .shard = "2/4",
                                 .format = "evaluation",
                                 .packed = false,
                                 .classes = 3};
  const std::vector<PictureOutcome> outcomes_ = {
      {.standing = Standing{.rank = 1, .answer = 2}, .top = {{2, 0.1F}, {0, 1e-38}}, .nanoseconds = 123456789},
      {.error = "no JPEG \"x\"\n\xff", .nanoseconds = 5},
      {.nanoseconds = 7},
  };

  std::vector<PictureOutcome> read(std::optional<EvaluationRecord>* record = nullptr) {
    std::vector<PictureOutcome> heard;
    auto got = read_evaluation_journal(path_, [&](std::size_t index, PictureOutcome outcome) {
      EXPECT_EQ(index, heard.size());
      heard.push_back(std::move(outcome));
      return true;
    });
    EXPECT_TRUE(got) << got.error().message();
    if (record != nullptr) *record = std::move(*got);
    return heard;
  }

  void write() {
    EvaluationJournal journal = EvaluationJournal::create(path_, identity_, R"({"isa":"avx2"})").value();
    for (const PictureOutcome& outcome : outcomes_) ASSERT_TRUE(journal.append(outcome));
  }

  test::Scratch scratch_;
  fs::path path_ = scratch_.folder() / ".p.smlp-journal";
};

TEST_F(EvaluationJournalTest, KeepsOutcomesToTheLastBit) {
  EXPECT_FALSE(read_evaluation_journal(path_, {}).value());
  write();
  std::optional<EvaluationRecord> record;
  const auto heard = read(&record);
  ASSERT_EQ(heard.size(), 3U);
  EXPECT_EQ(heard[0], outcomes_[0]);
  EXPECT_EQ(heard[1].error, "no JPEG \"x\"\n\xef\xbf\xbd") << "what is not UTF-8 is replaced";
  EXPECT_EQ(heard[2], outcomes_[2]);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->identity, identity_);
}

// Cut at every byte: whatever is whole is kept, and going on gives the same file as one that was never cut.
TEST_F(EvaluationJournalTest, IsGoneOnWithAfterAnyCut) {
  write();
  std::string whole;
  {
    std::ifstream in(path_, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::size_t header = whole.find('\n') + 1;
  for (std::size_t cut = header; cut <= whole.size(); ++cut) {
    fs::resize_file(path_, cut);
    std::optional<EvaluationRecord> record;
    const std::size_t kept = read(&record).size();
    auto journal = EvaluationJournal::reopen(path_, *record);
    ASSERT_TRUE(journal);
    for (std::size_t i = kept; i < outcomes_.size(); ++i) ASSERT_TRUE(journal->append(outcomes_[i]));
    std::ifstream in(path_, std::ios::binary);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), whole) << cut;
  }
}

// What stands before a line that nobody wrote is kept, and nothing after it.
TEST_F(EvaluationJournalTest, ALineThatIsNoOutcomeEndsIt) {
  for (const char* line : {"garbage", "{}", "[1]", "{\"rank\":\"one\"}", "{\"error\":\"\",\"ns\":1}", ""}) {
    SCOPED_TRACE(line);
    fs::remove(path_);
    write();
    const auto bytes = fs::file_size(path_);
    std::ofstream(path_, std::ios::app | std::ios::binary) << line << "\n";
    const auto with_line = fs::file_size(path_);
    std::ofstream(path_, std::ios::app | std::ios::binary) << line << "\n";
    std::optional<EvaluationRecord> record;
    EXPECT_EQ(read(&record).size(), outcomes_.size());
    ASSERT_TRUE(record);
    EXPECT_EQ(record->lines.end, bytes) << "and not " << with_line;
  }
}

// Of a picture of class 2, answered by a network of three classes.
TEST(PictureOutcome, IsPossibleWhereTheNetworkCanHaveGivenIt) {
  const auto possible = [](const Standing& standing, std::vector<std::pair<int, double>> top = {}) {
    return is_possible({.standing = standing, .top = std::move(top)}, 2, 3);
  };
  EXPECT_TRUE(possible({.rank = 0, .answer = 2}));
  EXPECT_TRUE(possible({.rank = 2, .answer = 0}));
  EXPECT_TRUE(possible({.rank = 1, .answer = 0}, {{0, 1.0}, {2, 0.0}}));
  EXPECT_FALSE(possible({.rank = 1, .answer = -1}));
  EXPECT_FALSE(possible({.rank = 1, .answer = 3}));
  EXPECT_FALSE(possible({.rank = -1, .answer = 1}));
  EXPECT_FALSE(possible({.rank = 3, .answer = 1}));
  EXPECT_FALSE(possible({.rank = 0, .answer = 1})) << "right, and another class";
  EXPECT_FALSE(possible({.rank = 1, .answer = 2})) << "wrong, and its class";
  for (const int index : {-1, 3}) EXPECT_FALSE(possible({.rank = 0, .answer = 2}, {{index, 0.5}})) << index;
  for (const double p : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_FALSE(possible({.rank = 0, .answer = 2}, {{2, p}})) << p;
  }
  EXPECT_TRUE(possible({.rank = 0, .answer = 2}, std::vector<std::pair<int, double>>(5, {2, 0.2})));
  EXPECT_FALSE(possible({.rank = 0, .answer = 2}, std::vector<std::pair<int, double>>(6, {2, 0.1})));

  EXPECT_TRUE(is_possible({.error = "no JPEG"}, 2, 3));
  EXPECT_TRUE(is_possible({}, 2, 3)) << "not finite";
  EXPECT_FALSE(is_possible({.top = {{2, 0.5}}}, 2, 3)) << "not finite, and with probabilities";
}

TEST_F(EvaluationJournalTest, ASecondProcessIsKeptOut) {
  write();
  std::optional<EvaluationRecord> record;
  read(&record);
  const auto first = EvaluationJournal::reopen(path_, *record);
  ASSERT_TRUE(first);
  const auto second = EvaluationJournal::reopen(path_, *record);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("another run of smlp"));
  EXPECT_EQ(read().size(), 3U) << "and nothing was cut off";
}

TEST_F(EvaluationJournalTest, IsDiscardedOnlyWhereNobodyWritesIt) {
  write();
  std::optional<EvaluationRecord> record;
  read(&record);
  {
    const auto open = EvaluationJournal::reopen(path_, *record);
    ASSERT_TRUE(open);
    const auto refused = LineJournal::discard(path_);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message(), HasSubstr("another run of smlp"));
  }
  EXPECT_EQ(read().size(), 3U);
  EXPECT_TRUE(LineJournal::discard(path_));
  EXPECT_FALSE(fs::exists(path_));
}

// Between reading a journal and going on with it another run may have started over.
TEST_F(EvaluationJournalTest, AnotherOneOfThatNameIsNotGoneOnWith) {
  write();
  std::optional<EvaluationRecord> record;
  read(&record);
  scratch_.write(path_.filename(), "{\"short\":1}\n");
  EXPECT_FALSE(EvaluationJournal::reopen(path_, *record));
  EXPECT_EQ(fs::file_size(path_), 12U);
  scratch_.write(path_.filename(), std::string(record->lines.end, 'x'));
  EXPECT_FALSE(EvaluationJournal::reopen(path_, *record));
}

TEST_F(EvaluationJournalTest, OtherFilesAreNamedErrors) {
  for (const char* text :
       {"", "notes", "notes\nmore\n", "{}\n", "{\"smlp_evaluation_journal\":2}\n", "{\"smlp_run\":1,\"identity\":{}}\n",
        "{\"smlp_evaluation_journal\":1,\"identity\":{\"program\":1}}\n"}) {
    scratch_.write(path_.filename(), text);
    const auto got = read_evaluation_journal(path_, [](std::size_t, const PictureOutcome&) { return true; });
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().file, path_.string());
  }
}

}  // namespace
}  // namespace smlp
