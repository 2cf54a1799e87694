#include "data/run_record.h"

#include <gmock/gmock.h>

#include "base/sha256.h"
#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

RunIdentity identity() {
  return {.program = "0.1.0+abc",
          .model_sha256 = std::string(64, 'a'),
          .precision = "fp32",
          .isa = "avx2",
          .preprocess = "resize 256",
          .inputs_sha256 = std::string(64, 'b'),
          .shard = "",
          .format = ".npy",
          .packed = false,
          .classes = 10};
}

RecordedFile recorded(std::string_view bytes) {
  return {.bytes = bytes.size(), .sha256 = sha256_of(std::as_bytes(std::span(bytes)))};
}

std::string bytes_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

class RunRecordTest : public ::testing::Test {
 protected:
  RunRecord read() {
    auto record = read_run_record(folder_);
    EXPECT_TRUE(record) << record.error().message();
    return record && *record ? **record : RunRecord{};
  }
  FileState state(const std::string& name) { return read().state_of(folder_, name).value(); }

  test::Scratch scratch_;
  fs::path folder_ = scratch_.folder();
};

TEST_F(RunRecordTest, NothingWhereNoRunWorked) {
  const auto record = read_run_record(folder_);
  ASSERT_TRUE(record);
  EXPECT_FALSE(record->has_value());
}

TEST_F(RunRecordTest, WhatWasWrittenIsRead) {
  std::optional writer = RunRecordWriter::create(folder_, identity(), R"({"threads":2})").value();
  const std::string odd = "a%41 \xff\xc3\xa9\t0_0.npy";  // any bytes may be in a file's name
  ASSERT_TRUE(writer->add(odd, recorded("one")));
  ASSERT_TRUE(writer->add({.stem = odd, .rows = 3, .sha256 = "s"}));
  EXPECT_FALSE(read().finished);
  ASSERT_TRUE(writer->finish());
  writer.reset();  // whoever has it open keeps others out
  const RunRecord record = read();
  EXPECT_EQ(record.identity, identity());
  EXPECT_EQ(record.provenance, R"({"threads":2})");
  EXPECT_TRUE(record.finished);
  ASSERT_TRUE(record.files.contains(odd));
  EXPECT_THAT(record.files.at(odd), ::testing::ElementsAre(recorded("one")));
  ASSERT_EQ(record.rows.size(), 1U);
  EXPECT_EQ(record.rows[0].stem, odd);
  EXPECT_EQ(record.rows[0].rows, 3);
  ASSERT_TRUE(RunRecordWriter::reopen(folder_, record).value().add("x", recorded("two")));
  EXPECT_FALSE(read().finished);  // something new was written since
}

// A record is one of the few files that a kill or a power cut can leave at any length.
TEST_F(RunRecordTest, CutAtEveryByteItHoldsWhatIsBeforeTheCut) {
  std::optional writer = RunRecordWriter::create(folder_, identity(), "{}").value();
  const std::size_t header = bytes_of(folder_ / kRunRecord).size();
  ASSERT_TRUE(writer->add("a", recorded("one")));
  const std::size_t first = bytes_of(folder_ / kRunRecord).size();
  ASSERT_TRUE(writer->add({.stem = "b", .rows = 1, .sha256 = "s"}));
  const std::size_t second = bytes_of(folder_ / kRunRecord).size();
  ASSERT_TRUE(writer->finish());
  writer.reset();
  const std::string whole = bytes_of(folder_ / kRunRecord);
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    scratch_.write(kRunRecord, whole.substr(0, size));
    const auto record = read_run_record(folder_);
    if (size < header) {
      ASSERT_FALSE(record) << size;
      EXPECT_THAT(record.error().message(), ::testing::HasSubstr(kRunRecord));
      continue;
    }
    ASSERT_TRUE(record) << size;
    EXPECT_EQ((*record)->files.size(), size >= first ? 1U : 0U) << size;
    EXPECT_EQ((*record)->rows.size(), size >= second ? 1U : 0U) << size;
    EXPECT_EQ((*record)->finished, size == whole.size()) << size;
    // It goes on after the last whole line, and that line is read.
    ASSERT_TRUE(RunRecordWriter::reopen(folder_, **record).value().add("z", recorded("z")));
    EXPECT_TRUE(read().files.contains("z")) << size;
  }
}

TEST_F(RunRecordTest, NothingAfterADamagedLineIsBelieved) {
  auto writer = RunRecordWriter::create(folder_, identity(), "{}").value();
  ASSERT_TRUE(writer.add("a", recorded("one")));
  const std::string good = bytes_of(folder_ / kRunRecord);
  for (const std::string& line :
       {std::string(20, '\0'), std::string("{}"), std::string("[]"), std::string("7"),
        std::string(R"({"stem":"x","rows":-1,"sha256":""})"), std::string(R"({"stem":"x","rows":"many","sha256":""})"),
        std::string(100000, '['), std::string(R"({"stem":"x","rows":4294967297,"sha256":""})"),
        std::string(R"({"stem":"x","rows":1e300,"sha256":""})"), std::string(R"({"keep":1.5})"),
        std::string(R"({"keep":-1})"), std::string(R"({"file":"c"})"),
        std::string(R"({"file":"c","bytes":-1,"sha256":"s"})"),
        std::string(R"({"file":"c","bytes":true,"sha256":"s"})")}) {
    scratch_.write(kRunRecord, good + line + "\n" + R"({"file":"b","bytes":1,"sha256":"s"})" + "\n");
    EXPECT_EQ(read().files.size(), 1U) << line.substr(0, 40);
  }
}

TEST_F(RunRecordTest, NamesOfAnyBytesComeBack) {
  auto writer = RunRecordWriter::create(folder_, identity(), "").value();
  const std::vector<std::string> odd = {"\xff", "100%", "%", "%4", "%41", "%zz", "a%4g", "\x1f \x7e\x7f", "%%25", ""};
  for (const std::string& name : odd) ASSERT_TRUE(writer.add({.stem = name, .rows = 0, .sha256 = "s"}));
  const RunRecord record = read();
  ASSERT_EQ(record.rows.size(), odd.size());
  for (std::size_t i = 0; i < odd.size(); ++i) EXPECT_EQ(record.rows[i].stem, odd[i]);
  EXPECT_EQ(record.provenance, "{}");
  const std::string text = bytes_of(folder_ / kRunRecord);
  EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); })) << text;
}

TEST_F(RunRecordTest, ARecordOfAnotherFormatIsAnError) {
  ASSERT_TRUE(RunRecordWriter::create(folder_, identity(), "{}"));
  const std::string good = bytes_of(folder_ / kRunRecord);
  for (const auto& [word, other] : {std::pair("\"smlp_run\":1", "\"smlp_run\":2"),
                                    {"\"smlp_run\":1", "\"smlp\":1"},
                                    {"\"identity\"", "\"other\""},
                                    {"\"provenance\"", "\"other\""},
                                    {"\"isa\"", "\"other\""},
                                    {"\"classes\":10", "\"classes\":4294967306"},
                                    {"{", "["}}) {
    std::string changed = good;
    ASSERT_NE(changed.find(word), std::string::npos) << word;
    scratch_.write(kRunRecord, changed.replace(changed.find(word), std::string_view(word).size(), other));
    const auto record = read_run_record(folder_);
    ASSERT_FALSE(record) << other;
    EXPECT_THAT(record.error().message(), ::testing::HasSubstr("damaged record of a run"));
  }
}

TEST_F(RunRecordTest, OfRowsThatWereLostNoneCount) {
  auto writer = RunRecordWriter::create(folder_, identity(), "{}").value();
  for (const char* stem : {"a", "b", "c"}) ASSERT_TRUE(writer.add({.stem = stem, .rows = 1, .sha256 = "s"}));
  ASSERT_TRUE(writer.keep_rows(1));
  ASSERT_TRUE(writer.add({.stem = "d", .rows = 1, .sha256 = "s"}));
  const RunRecord record = read();
  ASSERT_EQ(record.rows.size(), 2U);
  EXPECT_EQ(record.rows[0].stem, "a");
  EXPECT_EQ(record.rows[1].stem, "d");
  ASSERT_TRUE(writer.keep_rows(7));
  EXPECT_EQ(read().rows.size(), 2U) << "no more than there are";
  ASSERT_TRUE(writer.keep_rows(0));
  EXPECT_EQ(read().rows.size(), 0U);
}

TEST_F(RunRecordTest, AFileIsOursWithTheBytesThatWereRecorded) {
  auto writer = RunRecordWriter::create(folder_, identity(), "{}").value();
  ASSERT_TRUE(writer.add("a", recorded("old")));
  ASSERT_TRUE(writer.add("a", recorded("newer")));
  EXPECT_EQ(state("a"), FileState::absent);
  scratch_.write("a", "newer");
  EXPECT_EQ(state("a"), FileState::whole);
  scratch_.write("a", "old");
  EXPECT_EQ(state("a"), FileState::earlier);
  for (const char* content : {"", "newe", "newex", "xxx", "newerx"}) {
    scratch_.write("a", content);
    EXPECT_EQ(state("a"), FileState::changed) << content;
  }
  fs::remove(folder_ / "a");
  scratch_.write("elsewhere", "newer");
  fs::create_symlink(folder_ / "elsewhere", folder_ / "a");
  EXPECT_EQ(state("a"), FileState::changed);  // a link is not what was written
  EXPECT_EQ(state("elsewhere"), FileState::foreign);
}

TEST(RunIdentity, EveryFieldThatDiffersIsNamed) {
  const std::vector<std::pair<std::string, std::function<void(RunIdentity&)>>> changes = {
      {"version of smlp", [](RunIdentity& i) { i.program = "0.2.0"; }},
      {"model", [](RunIdentity& i) { i.model_sha256[5] = 'x'; }},
      {"precision (fp32 there, bf16 now)", [](RunIdentity& i) { i.precision = "bf16"; }},
      {"instruction set (avx2 there, avx512 now)", [](RunIdentity& i) { i.isa = "avx512"; }},
      {"preprocessing", [](RunIdentity& i) { i.preprocess = "resize 235"; }},
      {"inputs", [](RunIdentity& i) { i.inputs_sha256[0] = 'x'; }},
      {"shard (none there, 1/2 now)", [](RunIdentity& i) { i.shard = "1/2"; }},
      {"format (.npy there, .txt now)", [](RunIdentity& i) { i.format = ".txt"; }},
      {"packing", [](RunIdentity& i) { i.packed = true; }},
      {"number of classes (10 there, 11 now)", [](RunIdentity& i) { i.classes = 11; }},
  };
  EXPECT_THAT(differences(identity(), identity()), ::testing::IsEmpty());
  for (const auto& [name, change] : changes) {
    RunIdentity other = identity();
    change(other);
    EXPECT_NE(other, identity());
    EXPECT_THAT(differences(identity(), other), ::testing::ElementsAre(::testing::StartsWith(name)));
  }
  EXPECT_EQ(changes.size(), 10U);  // a field new in RunIdentity gets its line here
}

TEST(RunRecord, OneThatIsDeletedWhileItIsWrittenIsNoticed) {
  const test::Scratch scratch;
  auto writer = RunRecordWriter::create(scratch.folder(), identity(), "{}");
  ASSERT_TRUE(writer) << writer.error().message();
  EXPECT_TRUE(writer->check_there());
  fs::remove(scratch.folder() / kRunRecord);
  const auto gone = writer->check_there();
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().message(), testing::HasSubstr("was deleted while this program was writing it"));
  scratch.write(kRunRecord, "another");
  EXPECT_FALSE(writer->check_there());
}

}  // namespace
}  // namespace smlp
