#include "tasks/input_labels.h"

#include <gmock/gmock.h>

#include "data/bin_folder.h"
#include "support/png_file.h"
#include "support/scratch.h"
#include "tasks/preprocess_folder.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Bins that `smlp preprocess` made of two class folders, "crane" and "zebra": their positions are 0 and 1.
class BinClassesTest : public ::testing::Test {
 protected:
  void make_bins(const char* first, const char* second) {
    for (unsigned i = 0; i < 2; ++i) {
      test::write_png(data_ / first / (std::to_string(i) + ".png"), 40, 40, i);
      test::write_png(data_ / second / (std::to_string(i) + ".png"), 40, 40, 9 + i);
    }
    preprocess(data_.string());
  }
  void preprocess(std::string data) {
    const auto done = preprocess_folder({.data = std::move(data),
                                         .save_dir = scratch_.folder() / "work/bins",
                                         .batch_size = 4,
                                         .how = Preprocess::for_image_size(32)},
                                        {});
    ASSERT_TRUE(done) << done.error().message();
  }
  InputManifest describe(int classes, const ClassList& list) {
    InputLister lister(LabelUse::if_any);
    EXPECT_TRUE(lister.add((scratch_.folder() / "work/bins").string()));
    Inputs inputs = lister.finish().value();
    for (Input& input : inputs.files) input.rows = 4;
    return describe_inputs(inputs, classes, list).value();
  }

  test::Scratch scratch_;
  fs::path data_ = scratch_.folder() / "data";
};

TEST_F(BinClassesTest, ArePlacedByTheModelsNames) {
  make_bins("crane", "zebra");
  const InputManifest manifest = describe(3, {.names = {"zebra", "tench, Tinca tinca", "crane"}});
  ASSERT_EQ(manifest.inputs.size(), 1U);
  EXPECT_THAT(manifest.inputs[0].labels, ElementsAre(2, 2, 0, 0));
  EXPECT_THAT(manifest.truth, AllOf(HasSubstr("manifest.jsonl"), HasSubstr("class folders by name")));
}

TEST_F(BinClassesTest, AreUnknownWhereTheModelDoesNotNameThem) {
  make_bins("crane", "zebra");
  const InputManifest partly = describe(2, {.names = {"zebra", "tench"}});
  EXPECT_THAT(partly.inputs[0].labels, IsEmpty());
  EXPECT_THAT(partly.missing, AllOf(HasSubstr("manifest.jsonl"), HasSubstr("'crane'")));
  EXPECT_THAT(describe(1000, {}).missing, HasSubstr("2 class folders for a model of 1000 classes"));
}

TEST_F(BinClassesTest, AreTheirPositionsForAModelWithoutNames) {
  make_bins("crane", "zebra");
  EXPECT_THAT(describe(2, {}).inputs[0].labels, ElementsAre(0, 0, 1, 1));
}

TEST_F(BinClassesTest, NumbersOfAListStayWhatTheyAre) {
  for (unsigned i = 0; i < 4; ++i) test::write_png(data_ / (std::to_string(i) + ".png"), 40, 40, i);
  const fs::path list = scratch_.write("val.txt", "data/0.png 10\ndata/1.png 2\ndata/2.png 10\ndata/3.png 007\n");
  preprocess("@" + list.string());
  const InputManifest manifest = describe(1000, {.names = std::vector<std::string>(1000, "a class")});
  EXPECT_THAT(manifest.inputs[0].labels, ElementsAre(10, 2, 10, 7));
}

}  // namespace
}  // namespace smlp
