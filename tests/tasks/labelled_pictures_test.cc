// Inputs and the classes that their labels stand for.
#include "tasks/labelled_pictures.h"

#include <gmock/gmock.h>

#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ClassList kAnimals = {.names = {"ant", "bee", "cat"}};

class LabelledPicturesTest : public ::testing::Test {
 protected:
  // Files "0", "1", ... of as many bytes and one, each with a label.
  Inputs labelled(std::vector<std::string> words, const std::vector<int>& labels) {
    Inputs data{.labels = std::move(words), .label_source = LabelSource::list};
    for (const int label : labels) {
      const std::string name = std::to_string(data.files.size());
      const fs::path file = scratch_.write(name, std::string(data.files.size() + 1, 'x'));
      data.files.push_back({.file = file, .label = label, .own_from = file.string().size() - name.size()});
    }
    return data;
  }

  test::Scratch scratch_;
};

TEST_F(LabelledPicturesTest, EachPictureHasTheClassOfItsWord) {
  const auto all = labelled_pictures(labelled({"b", "a"}, {0, 1, 1}), {{2, 0}, LabelRule::name}, kAnimals);
  EXPECT_THAT(all.labels, ElementsAre(2, 0, 0));
  EXPECT_THAT(all.classes, ElementsAre(DataClass{0, "a", "ant"}, DataClass{2, "b", "cat"}));
  EXPECT_EQ(all.label_rule, "name");
  EXPECT_EQ(all.label_source, "list");
}

TEST_F(LabelledPicturesTest, TwoWordsOfOneClassAreOneClass) {
  const LabelMap map = {{1, 0, 1, 1}, LabelRule::name};
  const auto all = labelled_pictures(labelled({"Bee", "ant", "bee", "bees"}, {3, 1}), map, kAnimals);
  EXPECT_THAT(all.classes, ElementsAre(DataClass{0, "ant", "ant"}, DataClass{1, "Bee", "bee"}));
  EXPECT_THAT(all.labels, ElementsAre(1, 0));
}

TEST_F(LabelledPicturesTest, TheLabelsOfABinFollowOneAnother) {
  Inputs data = labelled({"a", "b"}, {0, 0});
  data.files[0].label = -1;
  data.files[0].row_labels = {1, 0};
  EXPECT_THAT(labelled_pictures(data, {{5, 7}, LabelRule::index}, {}).labels, ElementsAre(7, 5, 5));
}

// The same data elsewhere is the same list; only where it was not touched is it the same run.
TEST_F(LabelledPicturesTest, TheListIsOfNamesSizesAndClassesAndTheIdentityOfTimesToo) {
  const LabelMap map = {{0, 1}, LabelRule::name};
  const Inputs data = labelled({"a", "b"}, {0, 1});
  const auto before = labelled_pictures(data, map, kAnimals);
  EXPECT_EQ(labelled_pictures(data, map, kAnimals).identity_sha256, before.identity_sha256);

  fs::last_write_time(data.files[1].file, fs::file_time_type::clock::now() - std::chrono::hours(1));
  const auto touched = labelled_pictures(data, map, kAnimals);
  EXPECT_EQ(touched.list_sha256, before.list_sha256);
  EXPECT_NE(touched.identity_sha256, before.identity_sha256);

  EXPECT_NE(labelled_pictures(data, {{0, 2}, LabelRule::name}, kAnimals).list_sha256, before.list_sha256);
  Inputs renamed = data;
  renamed.files[0].own_from -= 1;
  EXPECT_NE(labelled_pictures(renamed, map, kAnimals).list_sha256, before.list_sha256);
  scratch_.write("1", "longer");
  EXPECT_NE(labelled_pictures(data, map, kAnimals).list_sha256, before.list_sha256);
}

TEST_F(LabelledPicturesTest, AClassWithoutANameHasItsNumber) {
  EXPECT_EQ(class_name(kAnimals, 2), "cat");
  EXPECT_EQ(class_name(kAnimals, 3), "class 3");
  EXPECT_EQ(class_name({}, 0), "class 0");
}

TEST_F(LabelledPicturesTest, EverySourceOfLabelsHasItsName) {
  using enum LabelSource;
  const std::pair<LabelSource, const char*> names[] = {{none, "none"},     {folders, "folders"}, {list, "list"},
                                                       {shards, "shards"}, {bins, "bins"},       {several, "several"}};
  for (const auto& [source, name] : names) EXPECT_EQ(label_source_name(source), name);
}

TEST_F(LabelledPicturesTest, AnInputHasAsManyLabelsAsPictures) {
  std::vector<Input> inputs = {{.file = "a.png", .label = 0}, {.file = "b.bin", .rows = 2, .row_labels = {0, 1}}};
  EXPECT_TRUE(check_label_counts(inputs));
  inputs[1].rows = 3;
  EXPECT_THAT(check_label_counts(inputs).error().message(), HasSubstr("b.bin: holds 3 pictures, and has labels for 2"));
  inputs[1].rows = 1;
  EXPECT_FALSE(check_label_counts(inputs));
  EXPECT_TRUE(check_label_counts({}));
}

// Folders are one a class; labels of a list are not.
TEST_F(LabelledPicturesTest, OnlyFoldersMayNotMeanTheSameClass) {
  Inputs data{.labels = {"Bee", "bee"}, .label_source = LabelSource::list};
  EXPECT_THAT(map_labels_of(data, 3, kAnimals)->class_of_folder, ElementsAre(1, 1));
  data.label_source = LabelSource::folders;
  EXPECT_FALSE(map_labels_of(data, 3, kAnimals));
}

}  // namespace
}  // namespace smlp
