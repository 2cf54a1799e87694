#include "data/image_folder.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/scratch.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class ImageFolderTest : public ::testing::Test {
 protected:
  // "CLASS/FILE=LABEL" of every picture, in order
  std::vector<std::string> listing() {
    const auto data = read_image_folder(scratch_.folder());
    if (!data) return {data.error().message()};
    std::vector<std::string> lines;
    for (const LabelledPicture& p : data->pictures) {
      lines.push_back(p.file.lexically_relative(data->root).string() + "=" + std::to_string(p.label));
    }
    return lines;
  }

  test::Scratch scratch_;
};

TEST_F(ImageFolderTest, ClassesAndFilesAreSortedByByte) {
  scratch_.write("b/10.jpg", "");
  scratch_.write("b/9.jpg", "");
  scratch_.write("a/x.JPEG", "");
  scratch_.write("B/x.png", "");
  EXPECT_THAT(listing(), ElementsAre("B/x.png=0", "a/x.JPEG=1", "b/10.jpg=2", "b/9.jpg=2"));
}

// torchvision walks sorted(os.walk(class)): folders by their whole path ('-' sorts before '/'), then the files of each.
TEST_F(ImageFolderTest, SubfoldersComeInTorchvisionsOrder) {
  for (const char* name : {"a/s/1.jpg", "a/s/t/0.jpg", "a/s-2/3.jpg", "a/z.jpg", "a/.hidden.jpg"})
    scratch_.write(name, "");
  EXPECT_THAT(listing(), ElementsAre("a/z.jpg=0", "a/s/1.jpg=0", "a/s-2/3.jpg=0", "a/s/t/0.jpg=0"));
}

TEST_F(ImageFolderTest, AFolderValIsTheDataSet) {
  scratch_.write("val/a/1.jpg", "");
  scratch_.write("train/a/2.jpg", "");
  EXPECT_THAT(listing(), ElementsAre("a/1.jpg=0"));
}

TEST_F(ImageFolderTest, AClassNamedValIsAClass) {
  scratch_.write("val/1.jpg", "");
  scratch_.write("train/2.jpg", "");
  EXPECT_THAT(listing(), ElementsAre("train/2.jpg=0", "val/1.jpg=1"));
}

TEST_F(ImageFolderTest, ContentDecidesWhereTheNameDoesNot) {
  scratch_.write("a/picture", "\xFF\xD8\xFF\xE0rest");
  scratch_.write("a/other.dat", "\x89PNG\r\n\x1A\nrest");
  scratch_.write("a/README.txt", "no picture");
  scratch_.write("a/.DS_Store", "x");
  scratch_.write("empty/notes.txt", "");
  const auto data = read_image_folder(scratch_.folder());
  ASSERT_TRUE(data);
  EXPECT_EQ(data->pictures.size(), 2U);
  EXPECT_THAT(data->others,
              UnorderedElementsAre(scratch_.folder() / "a/README.txt", scratch_.folder() / "empty/notes.txt"));
  EXPECT_THAT(data->empty_classes, ElementsAre("empty"));
  EXPECT_THAT(data->classes, ElementsAre("a", "empty"));
}

TEST_F(ImageFolderTest, HiddenFoldersAreNoClasses) {
  scratch_.write(".ipynb_checkpoints/1.jpg", "");
  scratch_.write("a/1.jpg", "");
  EXPECT_THAT(listing(), ElementsAre("a/1.jpg=0"));
}

TEST_F(ImageFolderTest, LinksAreFollowedAndLoopsCut) {
  scratch_.write("a/1.jpg", "");
  fs::create_directory_symlink(scratch_.folder() / "a", scratch_.folder() / "b");
  fs::create_directory_symlink(scratch_.folder() / "a", scratch_.folder() / "a/loop");
  fs::create_symlink("nowhere", scratch_.folder() / "a/2.jpg");
  EXPECT_THAT(listing(), ElementsAre("a/1.jpg=0", "a/2.jpg=0", "b/1.jpg=1", "b/2.jpg=1"));
}

TEST_F(ImageFolderTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(listing().front(), HasSubstr("the folder holds no class folders"));
  scratch_.write("a/x.txt", "");
  EXPECT_THAT(listing().front(), HasSubstr("the class folders hold no picture"));
  const auto missing = read_image_folder(scratch_.folder() / "missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().file, (scratch_.folder() / "missing").string());
  const auto file = read_image_folder(scratch_.write("plain", ""));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message(), HasSubstr("Not a directory"));
}

TEST_F(ImageFolderTest, AFolderWithoutPermissionIsAnError) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every folder";
  scratch_.write("a/1.jpg", "");
  scratch_.write("b/1.jpg", "");
  ::chmod((scratch_.folder() / "b").c_str(), 0);
  EXPECT_THAT(listing().front(), HasSubstr("b: cannot list the folder: Permission denied"));
  ::chmod((scratch_.folder() / "b").c_str(), 0700);
}

}  // namespace
}  // namespace smlp
