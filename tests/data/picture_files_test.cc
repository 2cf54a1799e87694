// What a file is by its name and its first bytes, and a folder listed by that.
#include "data/picture_files.h"

#include <gmock/gmock.h>

#include "data/bin_folder.h"
#include "data/run_record.h"
#include "support/scratch.h"
#include "support/tar_file.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

TEST(PictureFiles, AreKnownByTheirExtension) {
  for (const char* name : {"a.jpg", "a.jpeg", "a.png", "a.ppm", "a.bmp", "a.pgm", "a.tif", "a.tiff", "a.webp", "A.JPG",
                           "d.e/a.b.PnG", ".a.jpg"}) {
    EXPECT_TRUE(has_picture_extension(name)) << name;
  }
  for (const char* name :
       {"", "jpg", "a.gif", "a.jpg.txt", "a.jpg~", "d.jpg/a", "d/.jpg", ".jpg", "a.", "a.jp", "a.jpgx"}) {
    EXPECT_FALSE(has_picture_extension(name)) << name;
  }
}

TEST(PictureFiles, AreKnownByTheirFirstBytes) {
  const std::string png = "\x89PNG\r\n\x1A\n";
  EXPECT_TRUE(is_picture_start("\xFF\xD8\xFF"));
  EXPECT_TRUE(is_picture_start("\xFF\xD8\xFF\xE0 and more"));
  EXPECT_TRUE(is_picture_start(png));
  EXPECT_TRUE(is_picture_start(png + "more"));
  for (const std::string& other : {std::string(), std::string("\xFF\xD8"), std::string("\xFF\xD8\xFE"),
                                   png.substr(0, 7), "x" + png, std::string("GIF89a")}) {
    EXPECT_FALSE(is_picture_start(other)) << other;
  }
}

TEST(PictureFiles, JunkIsHiddenOrWrittenBySystems) {
  for (const char* name : {".a", ".DS_Store", "Thumbs.db", "THUMBS.DB", "desktop.ini", "Desktop.ini", "__MACOSX"}) {
    EXPECT_TRUE(is_junk(name)) << name;
  }
  for (const char* name : {"", "a", "a.", "Thumbs.db2", "xdesktop.ini", "MACOSX", "__MACOSX2"}) {
    EXPECT_FALSE(is_junk(name)) << name;
  }
}

TEST(PictureFiles, AnArchiveIsKnownByItsNameOrItsMagic) {
  for (const char* name : {"a.tar", "a.TAR", "a.tgz", "a.tar.gz", "a.tar.bz2", "d/a.tar.xz"}) {
    EXPECT_TRUE(looks_like_tar(name)) << name << ": whoever opens it says what is wrong with it";
  }
  for (const char* name : {"a", "tar", ".tar", "a.gz", "a.tarx", "a.jpg"}) EXPECT_FALSE(looks_like_tar(name)) << name;
  const test::Scratch scratch;
  const std::string posix = test::member({.name = "x"}, "content");
  std::string gnu = posix;
  gnu.replace(257, 8, "ustar  ");
  EXPECT_TRUE(looks_like_tar(scratch.write("posix", posix)));
  EXPECT_TRUE(looks_like_tar(scratch.write("gnu.data", gnu)));
  EXPECT_TRUE(looks_like_tar(scratch.write("start", posix.substr(0, 262))));
  EXPECT_FALSE(looks_like_tar(scratch.write("cut", posix.substr(0, 261))));
  EXPECT_FALSE(looks_like_tar(scratch.write("moved", "x" + posix)));
  for (const char* name : {"a.jpg", "a.bin", "a.NPY"}) {
    EXPECT_FALSE(looks_like_tar(scratch.write(name, posix))) << name << " is what its name says";
  }
}

TEST(PictureFiles, AFolderIsListedByWhatItsFilesAre) {
  const test::Scratch scratch;
  for (const char* name : {"10.jpg", "9.JPG", "b.BIN", "c.npy", "labels.npy", "notes10", "notes9", "a10.tar", "a9.TAR",
                           "d/labels.npy", "d/1.webp"}) {
    scratch.write(name, "text");
  }
  scratch.write("noname", "\xFF\xD8\xFF");
  const auto found = list_folder(scratch.folder());
  ASSERT_TRUE(found) << found.error().message();
  const auto own = [&](const fs::path& path) { return path.lexically_relative(scratch.folder()).string(); };
  std::vector<std::string> files, archives, others;
  const auto kind = [](InputKind k) {
    return k == InputKind::bin ? " bin" : k == InputKind::npy ? " npy" : " picture";
  };
  for (const FoundFile& file : found->files) files.push_back(own(file.path) + kind(file.kind));
  for (const fs::path& path : found->archives) archives.push_back(own(path));
  for (const fs::path& path : found->others) others.push_back(own(path));
  EXPECT_THAT(files, ElementsAre("9.JPG picture", "10.jpg picture", "b.BIN bin", "c.npy npy", "d/1.webp picture",
                                 "noname picture"));
  EXPECT_THAT(archives, ElementsAre("a9.TAR", "a10.tar"));
  EXPECT_THAT(others, ElementsAre("d/labels.npy", "labels.npy", "notes9", "notes10"));
  EXPECT_FALSE(list_folder(scratch.folder() / "no"));
}

TEST(PictureFiles, WhatWeWroteIsKnownByItsRecord) {
  const test::Scratch scratch;
  EXPECT_FALSE(holds_results(scratch.folder()));
  EXPECT_FALSE(holds_bins(scratch.folder()));
  scratch.write(kRunRecord, "");
  EXPECT_TRUE(holds_results(scratch.folder()));
  EXPECT_FALSE(holds_bins(scratch.folder()));
  scratch.write(kPreprocessJournal, "");
  EXPECT_TRUE(holds_bins(scratch.folder()));
}

}  // namespace
}  // namespace smlp
