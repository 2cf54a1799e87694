// Runs of preprocess that are repeated, resumed and started over, with one thing changed in between.
#include "tasks/preprocess_folder.h"

#include <gmock/gmock.h>

#include <fstream>

#include "data/preprocess_journal.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// Five pictures of two classes in bins of two; `broken` ones are those of the second class's end.
class PreprocessFolderTest : public ::testing::Test {
 protected:
  PreprocessFolderTest() {
    for (unsigned i = 0; i < 5; ++i) {
      test::write_png(data_ / (i < 2 ? "a" : "b") / (std::to_string(i) + ".png"), 40 + static_cast<int>(i), 40, i);
    }
    options_ = {
        .data = data_.string(), .save_dir = bins_, .batch_size = 2, .how = Preprocess::for_image_size(8), .threads = 1};
  }

  PreprocessFolderReport run() {
    auto report = preprocess_folder(options_, watch_);
    EXPECT_TRUE(report) << report.error().message();
    return report.value_or(PreprocessFolderReport());
  }
  std::string refusal() {
    const auto report = preprocess_folder(options_, watch_);
    return report ? "done" : report.error().message();
  }
  static std::string content_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  fs::path bin(int b) const { return bins_ / ("batch-0000" + std::to_string(b) + ".bin"); }

  test::Scratch scratch_;
  fs::path data_ = scratch_.folder() / "data", bins_ = scratch_.folder() / "work/bins";
  PreprocessFolderOptions options_;
  PreprocessFolderWatch watch_;
};

constexpr std::uintmax_t kPicture = 3 * 8 * 8 * sizeof(float);

TEST_F(PreprocessFolderTest, TheLastBinHoldsWhatRemains) {
  const PreprocessFolderReport report = run();
  EXPECT_EQ(report.pictures, 5U);
  EXPECT_EQ(report.bins, 3U);
  EXPECT_EQ(report.listed, 5U);
  EXPECT_EQ(report.broken + report.resumed + report.first_bin, 0U);
  EXPECT_EQ(fs::file_size(bin(1)), 2 * kPicture);
  EXPECT_EQ(fs::file_size(bin(2)), kPicture);
  const std::string labels = content_of(report.labels);
  std::int64_t last[6] = {};
  labels.copy(reinterpret_cast<char*>(last), sizeof(last), labels.size() - sizeof(last));
  EXPECT_THAT(last, ElementsAre(0, 0, 1, 1, 1, -1));
}

TEST_F(PreprocessFolderTest, ARunThatIsWholeIsLeftAsItIs) {
  run();
  const auto time = fs::last_write_time(bin(0));
  std::vector<std::pair<std::uint64_t, std::uint64_t>> heard;
  watch_.progress = [&](auto done, auto all) { heard.emplace_back(done, all); };
  const PreprocessFolderReport again = run();
  EXPECT_EQ(again.resumed, 5U);
  EXPECT_EQ(again.pictures, 5U);
  EXPECT_THAT(heard, ElementsAre(Pair(5U, 5U)));
  EXPECT_EQ(fs::last_write_time(bin(0)), time);
}

TEST_F(PreprocessFolderTest, ALostBinIsMadeAgainWithThoseBehindIt) {
  run();
  const std::string labels = content_of(bins_.parent_path() / "labels.npy");
  for (const int lost : {2, 1, 0}) {
    const std::string before = content_of(bin(lost));
    fs::remove(bin(lost));
    EXPECT_EQ(run().resumed, 2U * static_cast<unsigned>(lost));
    EXPECT_EQ(content_of(bin(lost)), before);
    EXPECT_EQ(content_of(bins_.parent_path() / "labels.npy"), labels);
  }
}

TEST_F(PreprocessFolderTest, ABatchOfBrokenPicturesAloneHasNoBinAndIsNotReadAgain) {
  scratch_.write("data/b/3.png", "no picture");
  scratch_.write("data/b/4.png", "none either");
  options_.limit = 5;
  scratch_.write("data/a/0.png", "");  // so that two good ones fill the first bin
  const PreprocessFolderReport first = run();
  EXPECT_EQ(first.pictures, 2U);
  EXPECT_EQ(first.broken, 3U);
  EXPECT_EQ(first.bins, 1U);
  EXPECT_FALSE(fs::exists(bin(1)));
  std::vector<std::string> broken;
  watch_.broken = [&](const Error& e) { broken.push_back(e.message()); };
  const PreprocessFolderReport again = run();
  EXPECT_EQ(again.resumed, 5U);
  EXPECT_EQ(again.broken, 3U);
  EXPECT_THAT(broken, ElementsAre(HasSubstr("0.png"), HasSubstr("3.png"), HasSubstr("4.png")));
  options_.force = true;
  EXPECT_EQ(run().resumed, 0U);
}

TEST_F(PreprocessFolderTest, ForceStartsOverWhereBinsAreLost) {
  run();
  options_.force = true;
  options_.batch_size = 3;
  fs::remove(bin(1));
  EXPECT_EQ(run().bins, 2U);
  EXPECT_EQ(fs::file_size(bin(0)), 3 * kPicture);
  EXPECT_FALSE(fs::exists(bin(2)));
}

// A link to a file of the right size and time is no bin that a run wrote.
TEST_F(PreprocessFolderTest, ALinkInABinsPlaceIsSomebodyElses) {
  run();
  const fs::path moved = scratch_.folder() / "moved.bin";
  fs::rename(bin(1), moved);
  fs::create_symlink(moved, bin(1));
  for (const bool force : {false, true}) {
    options_.force = force;
    EXPECT_THAT(refusal(), HasSubstr(bin(1).string()));
    EXPECT_TRUE(fs::is_symlink(bin(1)));
    EXPECT_TRUE(fs::exists(bin(0)));
  }
  fs::remove(bin(1));
  fs::create_directory(bin(1));
  for (const bool force : {false, true}) {
    options_.force = force;
    EXPECT_THAT(refusal(), HasSubstr(bin(1).string()));
  }
}

TEST_F(PreprocessFolderTest, AnotherRunIsRefusedWithWhatDiffers) {
  run();
  const PreprocessFolderOptions same = options_;
  const auto after = [&](auto change) {
    options_ = same;
    change(options_);
    return refusal();
  };
  EXPECT_THAT(after([](auto& o) { o.batch_size = 3; }), HasSubstr("with 2 pictures in each, this one is to put in 3"));
  EXPECT_THAT(after([](auto& o) { o.how.crop = 7; }), AllOf(HasSubstr("centre crop 8"), HasSubstr("centre crop 7")));
  EXPECT_THAT(after([](auto& o) { o.limit = 4; }), HasSubstr("of other pictures or classes"));
  EXPECT_THAT(after([](auto& o) { o.shard = {.index = 1, .count = 2}; }),
              HasSubstr("made these bins as the whole, this one is to make part 1/2"));
  fs::rename(data_ / "a", data_ / "c");
  EXPECT_THAT(after([](auto&) {}), HasSubstr("of other pictures or classes"));
}

// Touched is not changed; other bytes of the same number are.
TEST_F(PreprocessFolderTest, AChangedPictureIsNoticedByItsBytes) {
  run();
  const fs::path picture = data_ / "b/3.png";
  const std::string bytes = content_of(picture);
  fs::last_write_time(picture, fs::last_write_time(picture) + std::chrono::hours(1));
  EXPECT_EQ(run().resumed, 5U);
  std::string other = bytes;
  other.back() ^= 1;
  scratch_.write("data/b/3.png", other);
  fs::last_write_time(picture, fs::last_write_time(picture) + std::chrono::hours(2));
  EXPECT_THAT(refusal(), HasSubstr("3.png: has changed since an earlier run put it into the bins"));
  scratch_.write("data/b/3.png", bytes + "x");
  EXPECT_THAT(refusal(), HasSubstr("3.png: has changed"));
  fs::remove(picture);
  EXPECT_THAT(refusal(), HasSubstr("of other pictures or classes"));
}

TEST_F(PreprocessFolderTest, APartHasTheBinsAndLabelsOfItsPictures) {
  options_.shard = {.index = 2, .count = 2};
  const PreprocessFolderReport report = run();
  EXPECT_EQ(report.listed, 5U);
  EXPECT_EQ(report.first_bin, 2U) << "the first part has two bins of the three";
  EXPECT_EQ(report.pictures, 1U);
  EXPECT_FALSE(fs::exists(bin(1)));
  EXPECT_EQ(fs::file_size(bin(2)), kPicture);
  EXPECT_THAT(content_of(report.manifest), AllOf(HasSubstr(R"("batch":2,"index":0)"), HasSubstr("b/4.png")));
  EXPECT_EQ(run().resumed, 1U);
  options_.shard = {.index = 4, .count = 4};
  EXPECT_THAT(refusal(), HasSubstr("part 4/4 has none of the 5 pictures in bins of 2"));
}

TEST_F(PreprocessFolderTest, OptionsThatMakeNoSenseAreRefused) {
  for (const int none : {0, -1}) {
    options_.batch_size = none;
    EXPECT_THAT(refusal(), HasSubstr("1 or more are needed"));
  }
  EXPECT_FALSE(fs::exists(bins_));
  options_.batch_size = 2;
  options_.save_dir = data_ / "a";
  EXPECT_THAT(refusal(), HasSubstr("pictures lie in it, such as"));
  options_.save_dir = data_;
  EXPECT_THAT(refusal(), HasSubstr("pictures lie in it, such as"));
  options_.save_dir = data_ / "a/bins";
  EXPECT_EQ(refusal(), "done") << "a folder below one of pictures holds none";
}

TEST_F(PreprocessFolderTest, PicturesNamedWithoutAFolderLieInTheFolderOfTheCommand) {
  const fs::path before = fs::current_path();
  fs::current_path(data_ / "a");
  options_.data = "@" + scratch_.write("list.txt", "0.png\t0\n1.png\t1\n").string();
  for (const char* here : {".", "./", "../a"}) {
    options_.save_dir = here;
    EXPECT_THAT(refusal(), HasSubstr("pictures lie in it, such as 0.png")) << here;
  }
  options_.save_dir = "../bins";
  EXPECT_EQ(refusal(), "done");
  fs::current_path(before);
}

TEST_F(PreprocessFolderTest, WhatIsPreparedAlreadyIsRefused) {
  scratch_.write("prepared.npy", "");
  const auto list =
      scratch_.write("list.txt", data_.string() + "/a/0.png\t0\n" + scratch_.folder().string() + "/prepared.npy\t1\n");
  options_.data = "@" + list.string();
  EXPECT_THAT(refusal(), HasSubstr("prepared.npy: is prepared already; give it to smlp infer"));
}

// Numbers are the model's classes; other words count by their place.
TEST_F(PreprocessFolderTest, LabelsOfAListAreItsNumbersOrThePlacesOfItsWords) {
  const auto labels_of = [&](const char* first, const char* second) {
    options_.data = "@" + scratch_
                              .write("list.txt", data_.string() + "/a/0.png\t" + first + "\n" + data_.string() +
                                                     "/b/2.png\t" + second + "\n")
                              .string();
    options_.save_dir = scratch_.folder() / first / "bins";
    const std::string labels = content_of(run().labels);
    std::vector<std::int64_t> last(2);
    labels.copy(reinterpret_cast<char*>(last.data()), 16, labels.size() - 16);
    return last;
  };
  EXPECT_THAT(labels_of("7", "3"), ElementsAre(7, 3));
  EXPECT_THAT(labels_of("wasp", "bee"), ElementsAre(1, 0));
  EXPECT_THAT(labels_of("9", "bee"), ElementsAre(0, 1));
}

}  // namespace
}  // namespace smlp
