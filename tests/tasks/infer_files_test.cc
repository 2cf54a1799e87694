// Inference over files: what is counted, reported and left alone.
#include "tasks/infer_files.h"

#include <gmock/gmock.h>

#include <fstream>

#include "smlp/session.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class InferFilesTest : public ::testing::Test {
 protected:
  static constexpr int kClasses = 3;

  InferFilesTest() {
    test::write_model(scratch_.folder() / "m.safetensors", test::small_config(kClasses));
    for (unsigned i = 0; i < 5; ++i) test::write_png(pictures_ / (std::to_string(i) + ".png"), 40, 40, i);
    options_.input = pictures_.string();
    options_.output = scratch_.folder() / "out";
    options_.output_dirname = "run";
    options_.batch = 2;
  }

  Result<InferFilesReport> infer() {
    Session session = Session::create(Model::load(scratch_.folder() / "m.safetensors").value(),
                                      {.threads = 1, .batch = options_.batch, .isa = "reference"})
                          .value();
    return infer_files(session, options_, watch_);
  }
  InferFilesReport run() {
    auto report = infer();
    EXPECT_TRUE(report) << report.error().message();
    return report.value_or(InferFilesReport());
  }

  test::Scratch scratch_;
  fs::path pictures_ = scratch_.folder() / "pictures";
  InferFilesOptions options_;
  InferFilesWatch watch_;
};

TEST_F(InferFilesTest, ProgressCountsInputsFromNoneToAll) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> heard;
  watch_.progress = [&](std::uint64_t done, std::uint64_t all) { heard.emplace_back(done, all); };
  run();
  EXPECT_THAT(heard, ElementsAre(Pair(0U, 5U), Pair(1U, 5U), Pair(2U, 5U), Pair(3U, 5U), Pair(4U, 5U), Pair(5U, 5U)));
  heard.clear();
  fs::remove(scratch_.folder() / "out/run/3_0.npy");
  options_.resume = true;
  const InferFilesReport report = run();
  EXPECT_THAT(heard, ElementsAre(Pair(4U, 5U), Pair(5U, 5U)));
  EXPECT_EQ(report.resumed, 4U);
  EXPECT_EQ(report.pictures, 1U);
}

TEST_F(InferFilesTest, TheReportCountsPicturesExecutionsAndParts) {
  const InferFilesReport all = run();
  EXPECT_EQ(all.pictures, 5U);
  EXPECT_THAT(all.executed_pictures, ElementsAre(2, 2, 1));
  EXPECT_EQ(all.compute_list.size(), 3U);
  EXPECT_DOUBLE_EQ(all.mean_rows, 5.0 / 3);
  EXPECT_DOUBLE_EQ(all.throughput, 1000 * all.mean_rows / all.compute.mean);
  EXPECT_EQ(all.folder, scratch_.folder() / "out/run");
  EXPECT_EQ(all.summary, scratch_.folder() / "out/run_summary.json");
  EXPECT_THAT((std::vector{all.first, all.inputs, all.listed}), ElementsAre(0, 5, 5));

  options_.output_dirname = "part";
  options_.shard = {.index = 2, .count = 2};
  options_.loop = 3;
  std::vector<std::string> notes;
  watch_.note = [&](std::string_view text) { notes.emplace_back(text); };
  const InferFilesReport part = run();
  EXPECT_THAT((std::vector{part.first, part.inputs, part.listed}), ElementsAre(part.first, 5 - part.first, 5))
      << "the second part goes to the end";
  EXPECT_TRUE(part.first == 2 || part.first == 3);
  EXPECT_EQ(part.pictures, part.inputs);
  EXPECT_EQ(part.compute_list.size(), 3 * ((part.inputs + 1) / 2));
  EXPECT_EQ(part.inputs_sha256, all.inputs_sha256) << "of all that are listed";
  EXPECT_THAT(notes, ::testing::Contains("part 2/2: " + std::to_string(part.inputs) + " inputs"));
  EXPECT_THAT(notes, ::testing::Contains(HasSubstr("5 input files, 5 pictures")));
}

TEST_F(InferFilesTest, MadeUpDataIsOneBatchWithoutProgress) {
  options_.input.clear();
  options_.output_dirname = "pure";
  int heard = 0;
  watch_.progress = [&](auto, auto) { ++heard; };
  const InferFilesReport report = run();
  EXPECT_EQ(heard, 0);
  EXPECT_EQ(report.pictures, 2U);
  EXPECT_EQ(report.inputs_sha256, "");
  EXPECT_THAT(report.executed_pictures, ElementsAre(2));
  // A header of 128 bytes and two rows of logits.
  EXPECT_EQ(fs::file_size(scratch_.folder() / "out/pure/pure_infer_data_0.npy"), 128 + 2 * kClasses * sizeof(float));
}

TEST_F(InferFilesTest, ABrokenPictureIsToldInEveryRunAndHasNoResult) {
  scratch_.write("pictures/2.png", "no picture");
  for (int i = 0; i < 2; ++i) {
    std::vector<std::string> broken;
    watch_.broken = [&](const Error& e) { broken.push_back(e.message()); };
    const InferFilesReport report = run();
    EXPECT_THAT(broken, ElementsAre(HasSubstr("2.png")));
    EXPECT_EQ(report.broken, 1U);
    EXPECT_EQ(report.pictures, i == 0 ? 4U : 0U);
    options_.resume = true;
  }
  EXPECT_FALSE(fs::exists(scratch_.folder() / "out/run/2_0.npy"));
}

TEST_F(InferFilesTest, NothingIsWrittenWithoutAnOutput) {
  options_.output.clear();
  const InferFilesReport report = run();
  EXPECT_EQ(report.pictures, 5U);
  EXPECT_EQ(report.folder, "");
  EXPECT_EQ(report.summary, "");
}

// Whichever of this run's inputs a result of the earlier run is: by its name or by a link to it.
TEST_F(InferFilesTest, ForceDeletesNoInput) {
  run();
  const fs::path result = scratch_.folder() / "out/run/3_0.npy";
  options_.force = true;
  for (const char* name : {"0.png", "2.png", "4.png"}) {
    const fs::path picture = pictures_ / name;
    fs::remove(scratch_.folder() / "saved.png");
    fs::rename(picture, scratch_.folder() / "saved.png");
    fs::create_hard_link(result, picture);
    const auto refused = infer();
    ASSERT_FALSE(refused) << name;
    EXPECT_THAT(refused.error().message(), HasSubstr("3_0.npy: is a result of the earlier run and an input of this"));
    EXPECT_TRUE(fs::exists(result));
    EXPECT_TRUE(fs::exists(scratch_.folder() / "out/run/0_0.npy"));
    fs::remove(picture);
    fs::rename(scratch_.folder() / "saved.png", picture);
  }
  EXPECT_EQ(run().pictures, 5U);
}

TEST_F(InferFilesTest, APackedRunTakesNoNameThatItsListCannotHold) {
  options_.packed = true;
  for (const char* name : {"a\tb.png", "a\nb.png"}) {
    fs::copy(pictures_ / "0.png", pictures_ / name);
    EXPECT_THAT(infer().error().message(), HasSubstr("a tab or a line break in its name"));
    options_.packed = false;
    options_.output_dirname += "_";
    EXPECT_TRUE(infer()) << "a file of its own may have it";
    options_.packed = true;
    fs::remove(pictures_ / name);
  }
  options_.output_dirname = "packed";
  EXPECT_EQ(run().pictures, 5U);
}

}  // namespace
}  // namespace smlp
