// Results as infer and other tools leave them: which files count, in which order, and what is in each.
#include "data/result_folder.h"

#include <gmock/gmock.h>

#include <cstring>

#include "data/npy.h"
#include "data/run_record.h"
#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::SizeIs;

class ResultFolderTest : public ::testing::Test {
 protected:
  void write(std::initializer_list<const char*> names) {
    for (const char* name : names) scratch_.write(name, "x");
  }
  std::string problem() {
    const auto results = find_results(scratch_.folder());
    return results ? "no error" : results.error().message();
  }
  ResultFolder find() {
    auto results = find_results(scratch_.folder());
    EXPECT_TRUE(results) << results.error().message();
    return results ? std::move(*results) : ResultFolder();
  }
  // The names of the results, in order.
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const ResultFile& file : find().files) out.push_back(file.path.filename().string());
    return out;
  }
  static std::string gap(const ResultFolder& results) {
    const auto outcome = check_gaps(results);
    return outcome ? "no gap" : outcome.error().message();
  }

  test::Scratch scratch_;
};

TEST_F(ResultFolderTest, FilesComeByTheirNumber) {
  write({"batch-00010_0.npy", "batch-2_0.npy", "batch-100000_0.txt", ".batch-00001_0.npy", "batch-00003_1.npy",
         "_0.npy", "notes.txt", "batch-00004.npy", "x_0.npy.part"});
  EXPECT_THAT(names(), ElementsAre("batch-2_0.npy", "batch-00010_0.npy", "batch-100000_0.txt"));
  const ResultFolder results = find();
  EXPECT_TRUE(results.numbered);
  EXPECT_FALSE(results.packed);
  EXPECT_EQ(results.folder, scratch_.folder());
  EXPECT_EQ(results.classes, 0);
  EXPECT_EQ(results.files[1].stem, "batch-00010");
  EXPECT_EQ(results.files[1].number, 10U);
  EXPECT_EQ(results.files[1].format, ResultFormat::npy);
  EXPECT_EQ(results.files[2].format, ResultFormat::txt);
}

TEST_F(ResultFolderTest, WhereOneHasNoNumberTheyComeByName) {
  write({"photo10_0.bin", "photo9_0.bin", "batch-00001_0.bin"});
  EXPECT_THAT(names(), ElementsAre("batch-00001_0.bin", "photo9_0.bin", "photo10_0.bin"));
  EXPECT_FALSE(find().numbered);
  EXPECT_EQ(find().files[0].format, ResultFormat::bin);
}

TEST_F(ResultFolderTest, TwoResultsOfOneInputAreRefused) {
  write({"batch-00001_0.npy", "batch-00003_0.npy", "batch-00003_0.bin"});
  EXPECT_THAT(problem(), HasSubstr("is the same result as batch-00003_0."));
  fs::rename(scratch_.folder() / "batch-00003_0.bin", scratch_.folder() / "batch-3_0.bin");
  EXPECT_THAT(problem(), HasSubstr("is the same result as batch-"));
  fs::rename(scratch_.folder() / "batch-3_0.bin", scratch_.folder() / "photo_0.bin");
  EXPECT_EQ(problem(), "no error");
  write({"photo_0.txt"});
  EXPECT_THAT(problem(), HasSubstr("is the same result as photo_0."));
}

TEST_F(ResultFolderTest, TheOnlySubfolderWithResultsIsTaken) {
  EXPECT_THAT(problem(), HasSubstr("holds no results"));
  write({"empty/notes.txt", "notes.txt"});
  EXPECT_THAT(problem(), HasSubstr("holds no results"));
  write({"b/batch-00000_0.npy", "b/deeper/batch-00001_0.npy"});
  EXPECT_EQ(find().folder, scratch_.folder() / "b");
  EXPECT_THAT(names(), ElementsAre("batch-00000_0.npy"));
  write({"a/photo_0.txt"});
  EXPECT_THAT(problem(), AllOf(HasSubstr("2 of its folders hold results; name one"), HasSubstr("/b")));
  write({"own_0.npy"});
  EXPECT_THAT(names(), ElementsAre("own_0.npy")) << "results of its own come first";
  EXPECT_THAT(find_results(scratch_.folder() / "no").error().message(), HasSubstr("cannot list"));
}

TEST_F(ResultFolderTest, APackedArrayHasANameForEachRow) {
  write({"packed_0.npy", "a", "b", "c", "d.txt", "e.json"});
  EXPECT_THAT(problem(), HasSubstr("packed_names.tsv"));
  scratch_.write(kPackedNames, "batch-00000\t0\nbatch-00000\t1\nbatch-00001\t0");
  const ResultFolder results = find();
  EXPECT_TRUE(results.packed);
  EXPECT_TRUE(results.numbered);
  EXPECT_THAT(results.packed_stems, ElementsAre("batch-00000", "batch-00000", "batch-00001"));
  EXPECT_THAT(names(), ElementsAre("packed_0.npy"));
  scratch_.write(kPackedNames, "batch-00000\t0\nphoto 1\t0\nplain\n");
  EXPECT_FALSE(find().numbered);
  EXPECT_THAT(find().packed_stems, ElementsAre("batch-00000", "photo 1", "plain"));
  write({"batch-00000_0.npy"});
  EXPECT_THAT(problem(), HasSubstr("holds packed_0.npy and batch-00000_0.npy as well"));
}

TEST_F(ResultFolderTest, ARunSaysItsNumberOfClasses) {
  write({"run/batch-00000_0.bin"});
  RunIdentity identity;
  identity.classes = 7;
  ASSERT_TRUE(RunRecordWriter::create(scratch_.folder() / "run", identity, "{}"));
  EXPECT_EQ(find().classes, 7);
}

TEST_F(ResultFolderTest, AGapIsNamed) {
  write({"batch-00000_0.npy", "batch-00001_0.npy", "batch-00002_0.txt"});
  EXPECT_EQ(gap(find()), "no gap");
  fs::remove(scratch_.folder() / "batch-00001_0.npy");
  EXPECT_THAT(gap(find()), HasSubstr("batch-00001_0.txt is missing (2 of 3 are there)"));
  fs::remove(scratch_.folder() / "batch-00000_0.npy");
  EXPECT_THAT(gap(find()), HasSubstr("batch-00000_0.txt is missing (1 of 3 are there)"));
  write({"photo_0.npy"});
  EXPECT_EQ(gap(find()), "no gap") << "names have no gaps";
}

TEST_F(ResultFolderTest, AGapInAPackedArrayIsNamed) {
  write({"packed_0.npy"});
  scratch_.write(kPackedNames, "batch-00000\t0\nbatch-00000\t1\nbatch-00001\t0\n");
  EXPECT_EQ(gap(find()), "no gap");
  scratch_.write(kPackedNames, "batch-00000\t0\nbatch-00002\t0\nbatch-00002\t1\n");
  EXPECT_THAT(gap(find()), HasSubstr("batch-00001 is missing (2 of 3 are there)"));
}

class ReadLogitsTest : public ::testing::Test {
 protected:
  // "ROWS x CLASSES: values", or the error.
  std::string read(ResultFormat format, std::string_view content, int rows = 0, int classes = 0) {
    const ResultFile file{.path = scratch_.write("r", content), .stem = "r", .number = {}, .format = format};
    const auto logits = read_logits(file, rows, classes);
    if (!logits) {
      EXPECT_EQ(logits.error().file, file.path.string());
      return logits.error().what;
    }
    return fmt::format("{} x {}: {}", logits->rows, logits->classes, fmt::join(logits->values, " "));
  }
  static std::string raw(std::vector<float> values) {
    std::string bytes(values.size() * 4, '\0');
    if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }
  static std::string npy(const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
    return npy_header("<f4", shape) + raw(values);
  }

  test::Scratch scratch_;
};

TEST_F(ReadLogitsTest, AnArrayHasARowAPicture) {
  EXPECT_EQ(read(ResultFormat::npy, npy({2, 3}, {1, 2, 3, 4, 5, 6})), "2 x 3: 1 2 3 4 5 6");
  EXPECT_EQ(read(ResultFormat::npy, npy({4}, {1, 2, 3, 4})), "1 x 4: 1 2 3 4") << "a picture alone";
  EXPECT_EQ(read(ResultFormat::npy, npy({2, 1, 2}, {1, 2, 3, 4})), "2 x 2: 1 2 3 4");
  EXPECT_EQ(read(ResultFormat::npy, npy({0, 3}, {})), "an array of shape (0, 3)");
  EXPECT_EQ(read(ResultFormat::npy, npy({3, 0}, {})), "an array of shape (3, 0)");
  EXPECT_EQ(read(ResultFormat::npy, npy({}, {1})), "an array of shape ()");
  EXPECT_THAT(read(ResultFormat::npy, npy({2}, {1})), HasSubstr("4 bytes of data, expected 8"));
}

TEST_F(ReadLogitsTest, RawNumbersAreCutByTheClassesOrTheRows) {
  const std::string six = raw({1, 2, 3, 4, 5, 6});
  EXPECT_EQ(read(ResultFormat::bin, six, 0, 3), "2 x 3: 1 2 3 4 5 6");
  EXPECT_EQ(read(ResultFormat::bin, six, 2, 0), "2 x 3: 1 2 3 4 5 6");
  EXPECT_EQ(read(ResultFormat::bin, six, 1, 2), "3 x 2: 1 2 3 4 5 6") << "the classes are known better";
  EXPECT_EQ(read(ResultFormat::bin, raw({7}), 0, 1), "1 x 1: 7");
  EXPECT_THAT(read(ResultFormat::bin, six), HasSubstr("24 bytes, no whole number of rows of 0"));
  EXPECT_THAT(read(ResultFormat::bin, six, 0, 4), HasSubstr("no whole number of rows of 4"));
  EXPECT_THAT(read(ResultFormat::bin, six.substr(0, 23), 0, 3), HasSubstr("23 bytes, no whole number of rows of 3"));
  EXPECT_THAT(read(ResultFormat::bin, six, 7, 0), HasSubstr("rows of 0"));
  EXPECT_THAT(read(ResultFormat::bin, "", 0, 3), HasSubstr("0 bytes"));
}

TEST_F(ReadLogitsTest, TextHasALineAPicture) {
  EXPECT_EQ(read(ResultFormat::txt, "1 -2.5,3\n\n4\t5e1 ,6\r\n"), "2 x 3: 1 -2.5 3 4 50 6");
  EXPECT_EQ(read(ResultFormat::txt, "1 2"), "1 x 2: 1 2");
  EXPECT_EQ(read(ResultFormat::txt, "1\n2\n3\n"), "1 x 3: 1 2 3") << "a picture, a number a line";
  EXPECT_EQ(read(ResultFormat::txt, ""), "is empty");
  EXPECT_EQ(read(ResultFormat::txt, " \n\r\n,"), "is empty");
  EXPECT_EQ(read(ResultFormat::txt, "1 2\n\n3\n"), "line 3 has 1 numbers, the lines before have 2");
  EXPECT_EQ(read(ResultFormat::txt, "1 2\n1 x, 2\n"), "line 2: 'x' is no number");
  for (const std::string word : {"2x", "5.0.5.5", "0-1", "infnan", "x2", "1e", "--1"}) {
    EXPECT_THAT(read(ResultFormat::txt, "1 " + word + " 2\n"), HasSubstr("line 1: '" + word + "' is no number"))
        << word;
  }
  EXPECT_THAT(read(ResultFormat::txt, std::string(100'000, 'x')), SizeIs(Le(200))) << "a line on the screen";
}

TEST_F(ReadLogitsTest, AFileThatIsGoneIsNamed) {
  const auto logits = read_logits({.path = "no_0.npy", .stem = "no", .number = {}}, 0, 0);
  ASSERT_FALSE(logits);
  EXPECT_EQ(logits.error().file, "no_0.npy");
}

}  // namespace
}  // namespace smlp
