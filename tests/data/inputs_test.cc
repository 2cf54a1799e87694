#include "data/inputs.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/input_remarks.h"
#include "data/labels.h"
#include "data/preprocess_journal.h"
#include "support/scratch.h"
#include "support/tar_file.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using test::kTarEnd;
using test::member;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class InputsTest : public ::testing::Test {
 protected:
  InputsTest() : before_(fs::current_path()) { fs::current_path(scratch_.folder()); }
  ~InputsTest() override { fs::current_path(before_); }

  void write(const std::string& name, std::string_view content = "") { scratch_.write(name, content); }

  Result<Inputs> list(std::initializer_list<const char*> words, LabelUse use = LabelUse::if_any) {
    InputLister lister(use);
    for (const char* word : words) SMLP_CHECK(lister.add(word));
    return lister.finish();
  }
  // "NAME" or "NAME=LABEL" of each, or the error.
  std::vector<std::string> names(std::initializer_list<const char*> words, LabelUse use = LabelUse::if_any) {
    const auto inputs = list(words, use);
    if (!inputs) return {inputs.error().message()};
    std::vector<std::string> out;
    for (const Input& input : inputs->files) {
      out.push_back(input.name());
      if (input.label >= 0) out.back() += "=" + inputs->labels[static_cast<std::size_t>(input.label)];
    }
    return out;
  }

  test::Scratch scratch_;
  fs::path before_;
};

TEST_F(InputsTest, AFolderIsListedInNaturalOrderWithoutJunk) {
  for (const char* name : {"d/10.jpg", "d/9.jpg", "d/sub/1.png", "d/b-10.bin", "d/b-9.npy", "d/notes.txt",
                           "d/.DS_Store", "d/Thumbs.db", "d/__MACOSX/9.jpg", "d/._9.jpg", "d/.git/9.jpg", "d/x.tar"}) {
    write(name);
  }
  ::mkfifo("d/pipe.jpg", 0600);
  EXPECT_THAT(names({"d"}), ElementsAre("d/9.jpg", "d/10.jpg", "d/b-9.npy", "d/b-10.bin", "d/sub/1.png"));
  EXPECT_THAT(names({"d/"}), ElementsAre("d/9.jpg", "d/10.jpg", "d/b-9.npy", "d/b-10.bin", "d/sub/1.png"));
  const auto inputs = list({"d"});
  EXPECT_EQ(inputs->left_out.count, 2U) << "notes and an archive";
  EXPECT_EQ(inputs->files[4].own_name(), "sub/1.png");
  EXPECT_EQ(inputs->files[4].stem(), "1");
}

TEST_F(InputsTest, LabelsAreNoPicturesUnlessTheyAreNamed) {
  for (const char* name : {"d/labels.npy", "d/bins/1.bin"}) write(name);
  EXPECT_THAT(names({"d"}), ElementsAre("d/bins/1.bin"));
  EXPECT_EQ(list({"d"})->left_out.first, "d/labels.npy");
  EXPECT_THAT(names({"d/labels.npy"}), ElementsAre("d/labels.npy"));
}

// So that a run whose results lie among its inputs can be resumed, and the inputs be used again.
TEST_F(InputsTest, WhatWasWrittenAmongTheInputsIsNoInput) {
  for (const char* name : {"d/a/1.png", "d/b/2.png", "d/run/1_0.npy", "d/run/sub/2_0.npy", "d/run/.smlp-run.jsonl",
                           "d/bins/batch-00000.bin", "d/bins/.smlp-preprocess.jsonl"}) {
    write(name);
  }
  EXPECT_THAT(names({"d"}), ElementsAre("d/a/1.png", "d/b/2.png", "d/bins/batch-00000.bin"));
  EXPECT_EQ(list({"d"})->left_out.first, "d/run");
  EXPECT_THAT(names({"d/run"}), ElementsAre("d/run/1_0.npy", "d/run/sub/2_0.npy")) << "what is named is taken";
  EXPECT_THAT(names({"d"}, LabelUse::required), ElementsAre("d/a/1.png=a", "d/b/2.png=b"));
  EXPECT_EQ(list({"d"}, LabelUse::required)->left_out.count, 2U);
  EXPECT_EQ(list({"d"}, LabelUse::required)->labels.size(), 2U);
}

TEST_F(InputsTest, LinksAreFollowedAndLoopsCut) {
  write("d/1.jpg");
  write("e/3.jpg");
  fs::create_directory_symlink("..", "d/up");
  fs::create_directory_symlink("../e", "d/e");
  fs::create_symlink("nowhere", "d/2.jpg");
  fs::create_symlink("nowhere", "d/2.txt");
  EXPECT_THAT(names({"d"}), ElementsAre("d/1.jpg", "d/2.jpg", "d/e/3.jpg", "d/up/e/3.jpg"));
}

// Twelve folders, each with links to all others: 12! ways through them.
TEST_F(InputsTest, FoldersWhoseLinksLeadRoundAndRoundAreRefused) {
  write("d/0/1.jpg");
  for (int i = 0; i < 12; ++i) fs::create_directory("d/" + std::to_string(i));
  for (int i = 0; i < 12; ++i) {
    for (int j = 0; j < 12; ++j) {
      if (i != j) fs::create_directory_symlink("../" + std::to_string(j), fmt::format("d/{}/to{}", i, j));
    }
  }
  EXPECT_THAT(names({"d"}).front(), HasSubstr("links lead to more than 10000 folders here"));
}

TEST_F(InputsTest, AFolderWithoutInputsIsAnError) {
  fs::create_directory("none");
  EXPECT_THAT(names({"none"}).front(), HasSubstr("none: the folder holds no picture"));
  write("tars/a.tar");
  EXPECT_THAT(names({"tars"}).front(), HasSubstr("no picture, but 1 archives; name the archives, such as tars/a.tar"));
}

TEST_F(InputsTest, WordsComeAsTheyAreTyped) {
  write("b.jpg");
  write("d/a.jpg");
  EXPECT_THAT(names({"b.jpg", "d", "missing.jpg"}), ElementsAre("b.jpg", "d/a.jpg", "missing.jpg"));
  write("list.txt", "d\nb.jpg\n");
  EXPECT_THAT(names({"@list.txt"}), ElementsAre("d/a.jpg", "b.jpg"));
  EXPECT_THAT(names({"list.txt"}).front(), HasSubstr("list.txt: is a text file, not a picture; if it is a list of "
                                                     "paths, give @list.txt"));
  write("self.txt", "self.txt\n");
  EXPECT_THAT(names({"@self.txt"}), ElementsAre("self.txt")) << "a list in a list is a file like another";
}

TEST_F(InputsTest, ListsLiePathsFromTheirFolderOrTheWorkingFolder) {
  write("d/a.jpg");
  write("d/list.txt", "a.jpg 3\nmissing.jpg 4\n");
  EXPECT_THAT(names({"@d/list.txt"}), ElementsAre("d/a.jpg=3", "d/missing.jpg=4"));
  EXPECT_THAT(names({"@d/list.txt"}, LabelUse::none), ElementsAre("d/a.jpg", "d/missing.jpg"));
  write("a.jpg");
  EXPECT_THAT(names({"@d/list.txt"}).front(), HasSubstr("d/list.txt: line 1 means two files"));
  fs::remove("a.jpg");
  fs::create_hard_link("d/a.jpg", "a.jpg");
  EXPECT_THAT(names({"@d/list.txt"}), ElementsAre("a.jpg=3", "missing.jpg=4")) << "one file, whichever is meant";
  write("d/folders.txt", "d/a.jpg 1\nd 2\n");
  EXPECT_THAT(names({"@d/folders.txt"}).front(), HasSubstr("line 2 gives a label to a folder"));
}

TEST_F(InputsTest, ArchivesAndShards) {
  const std::string plain = member({.name = "val/dog/2.jpg"}, "x") + member({.name = "val/cat/1.jpg"}, "y") + kTarEnd;
  write("plain.tar", plain);
  write("noname", plain);
  const std::string shard = member({.name = "b.jpg"}, "x") + member({.name = "b.cls"}, "10") +
                            member({.name = "a.jpg"}, "y") + member({.name = "a.cls"}, "9") + kTarEnd;
  write("s-08.tar", shard);
  write("s-09.tar", shard);
  EXPECT_THAT(names({"plain.tar"}), ElementsAre("plain.tar:val/dog/2.jpg", "plain.tar:val/cat/1.jpg"));
  EXPECT_THAT(names({"noname"}, LabelUse::required),
              ElementsAre("noname:val/dog/2.jpg=dog", "noname:val/cat/1.jpg=cat"));
  EXPECT_THAT(names({"s-{08..09}.tar"}),
              ElementsAre("s-08.tar:b.jpg=10", "s-08.tar:a.jpg=9", "s-09.tar:b.jpg=10", "s-09.tar:a.jpg=9"));
  const auto inputs = list({"s-08.tar"});
  EXPECT_THAT(inputs->labels, ElementsAre("10", "9")) << "sorted by byte";
  EXPECT_EQ(inputs->label_source, LabelSource::shards);
  EXPECT_EQ(inputs->files[0].stem(), "b");
  EXPECT_EQ(inputs->files[0].own_name(), "s-08.tar:b.jpg");
  EXPECT_THAT(names({"s-{08..10}.tar"}).front(), HasSubstr("s-10.tar: cannot open"));
  write("cut.tar", shard.substr(0, 2048));
  EXPECT_THAT(list({"cut.tar"})->warnings, ElementsAre(HasSubstr("cut.tar: no block of zeros ends the archive")));
  write("joined.tar", plain + plain);
  EXPECT_THAT(list({"joined.tar"})->warnings, ElementsAre(HasSubstr("joined.tar: what follows the archive's end")));
  EXPECT_THAT(list({"plain.tar"})->warnings, ElementsAre());
  write("more.tar", member({.name = "notes"}, "x") + member({.name = "more"}) + plain);
  EXPECT_EQ(list({"more.tar"})->left_out.count, 2U);
  EXPECT_EQ(list({"more.tar"})->left_out.first, "more.tar:notes");
  write("captions.tar",
        member({.name = "a.jpg"}, "x") + member({.name = "a.json"}, R"({"caption": "a dog"})") + kTarEnd);
  EXPECT_THAT(names({"captions.tar"}), ElementsAre("captions.tar:a.jpg"));
  EXPECT_THAT(names({"captions.tar"}, LabelUse::required).front(), HasSubstr("captions.tar:a.json: no label"));
  write("empty.tar", kTarEnd);
  EXPECT_THAT(names({"empty.tar"}).front(), HasSubstr("none of its 0 members is a picture"));
  write("x.tar.gz", "\x1F\x8B rest");
  EXPECT_THAT(names({"x.tar.gz"}).front(), HasSubstr("compressed with gzip"));
}

TEST_F(InputsTest, WhereLabelsAreRequiredEveryPictureHasOne) {
  write("v/cat/2.jpg");
  write("v/cat/10.jpg");
  write("v/dog/1.jpg");
  write("v/loose.jpg");
  fs::create_directory("v/empty");
  const auto inputs = list({"v"}, LabelUse::required);
  ASSERT_TRUE(inputs);
  EXPECT_THAT(names({"v"}, LabelUse::required), ElementsAre("v/cat/2.jpg=cat", "v/cat/10.jpg=cat", "v/dog/1.jpg=dog"));
  EXPECT_THAT(inputs->labels, ElementsAre("cat", "dog", "empty"));
  EXPECT_THAT(inputs->empty_labels, ElementsAre("empty"));
  EXPECT_EQ(inputs->left_out.first, "v/loose.jpg");
  EXPECT_THAT(names({"v/cat/2.jpg"}, LabelUse::required).front(), HasSubstr("v/cat/2.jpg: has no label"));
  EXPECT_THAT(names({"none.jpg"}, LabelUse::required).front(), HasSubstr("none.jpg: cannot open"));
  write("flat.tar", member({.name = "1.jpg"}, "x") + kTarEnd);
  EXPECT_THAT(names({"flat.tar"}, LabelUse::required).front(), HasSubstr("flat.tar:1.jpg: has no label"));
}

TEST_F(InputsTest, BinsHaveTheLabelsThatLieBesideThem) {
  write("other/bins/batch-00000.bin");
  write("other/bins/batch-00001.bin");
  EXPECT_THAT(names({"other/bins"}, LabelUse::required).front(), HasSubstr("other/bins: its bins have no labels: "));
  write("other/labels.npy", labels_bytes({.batch_size = 2, .labels = {10, 9, 10, kNoLabel}}));
  const auto inputs = list({"other/bins"}, LabelUse::required);
  ASSERT_TRUE(inputs) << inputs.error().message();
  EXPECT_EQ(inputs->label_source, LabelSource::bins);
  EXPECT_THAT(inputs->label_origin, HasSubstr("labels.npy"));
  EXPECT_THAT(inputs->labels, ElementsAre("10", "9"));
  ASSERT_EQ(inputs->files.size(), 2U);
  EXPECT_THAT(inputs->files[0].row_labels, ElementsAre(0, 1));
  EXPECT_THAT(inputs->files[1].row_labels, ElementsAre(0));
  EXPECT_EQ(inputs->files[1].own_name(), "batch-00001.bin");
  EXPECT_EQ(inputs->files[1].kind, InputKind::bin);
}

TEST_F(InputsTest, BinsOfPreprocessHaveTheClassFoldersAsLabels) {
  write("bins/batch-00000.bin");
  auto journal = JournalWriter::create("bins/.smlp-preprocess.jsonl", {.batch_size = 2, .pictures = 2}).value();
  ASSERT_TRUE(journal.append({.pictures = {{1, 1, "aa", ""}, {1, 1, "bb", ""}}}));
  write("manifest.jsonl",
        "{\"label\":1,\"class\":\"dog\",\"sha256\":\"aa\",\"batch\":0,\"index\":0}\n"
        "{\"label\":0,\"class\":\"cat\",\"sha256\":\"bb\",\"batch\":0,\"index\":1}\n");
  const auto inputs = list({"bins"}, LabelUse::required);
  ASSERT_TRUE(inputs) << inputs.error().message();
  EXPECT_EQ(inputs->label_source, LabelSource::folders);
  EXPECT_THAT(inputs->labels, ElementsAre("cat", "dog"));
  EXPECT_THAT(inputs->files[0].row_labels, ElementsAre(1, 0));
}

TEST_F(InputsTest, WhereLabelsComeFromIsKnown) {
  write("v/cat/1.jpg");
  write("list", "v/cat/1.jpg dog\n");
  const auto folders = list({"v"}, LabelUse::required), both = list({"@list", "v"}, LabelUse::required);
  ASSERT_TRUE(folders && both);
  EXPECT_EQ(folders->label_source, LabelSource::folders);
  EXPECT_EQ(folders->label_origin, "v");
  EXPECT_EQ(both->label_source, LabelSource::several);
  EXPECT_EQ(both->label_origin, "list") << "the first";
  EXPECT_EQ(list({"@list"})->label_source, LabelSource::list);
  EXPECT_EQ(list({"v"})->label_source, LabelSource::none) << "nobody asked";
}

TEST_F(InputsTest, ClassFoldersComeInNaturalOrTorchvisionsOrder) {
  for (const char* name : {"v/a/10.jpg", "v/a/9.jpg", "v/a/0/x.jpg"}) write(name);
  const auto order = [](bool torchvision) {
    InputLister lister(LabelUse::required, torchvision);
    EXPECT_TRUE(lister.add("v"));
    std::vector<std::string> out;
    const Inputs inputs = lister.finish().value();
    for (const Input& input : inputs.files) out.push_back(input.own_name());
    return out;
  };
  EXPECT_THAT(order(false), ElementsAre("a/0/x.jpg", "a/9.jpg", "a/10.jpg"));
  EXPECT_THAT(order(true), ElementsAre("a/10.jpg", "a/9.jpg", "a/0/x.jpg"));
}

TEST_F(InputsTest, AMembersStampIsItsSizeAndTheArchivesTime) {
  write("a.tar", member({.name = "1.jpg"}, "12345") + kTarEnd);
  write("2.jpg", "123");
  const auto inputs = list({"a.tar", "2.jpg"});
  ASSERT_TRUE(inputs);
  EXPECT_EQ(inputs->files[0].stamp(), (FileStamp{.bytes = 5, .mtime_ns = stamp_by_name("a.tar").mtime_ns}));
  EXPECT_EQ(inputs->files[0].on_disk(), "a.tar");
  EXPECT_EQ(inputs->files[1].stamp(), stamp_by_name("2.jpg"));
  EXPECT_EQ(inputs->files[1].on_disk(), "2.jpg");
}

TEST(InputRemarks, SayHowManyThereAre) {
  Inputs inputs;
  EXPECT_THAT(remarks_on(inputs), ElementsAre());
  inputs.warnings = {"a warning"};
  inputs.empty_labels = {"ant"};
  inputs.left_out.add(1, "notes");
  EXPECT_THAT(remarks_on(inputs), ElementsAre("a warning", "class folder 'ant' holds no picture",
                                              "1 file is no input and left out: notes"));
  inputs.warnings.clear();
  inputs.empty_labels = {"ant", "bee"};
  inputs.left_out.add(2, "others");
  EXPECT_THAT(remarks_on(inputs), ElementsAre("class folder 'ant' and 1 more hold no picture",
                                              "3 files are no inputs and left out, the first is notes"));
}

TEST_F(InputsTest, TheHashIsOfNamesOrderAndLabels) {
  write("d/1.jpg");
  write("d/2.jpg");
  write("e/1.jpg");
  write("e/2.jpg");
  EXPECT_EQ(inputs_sha256(*list({"d"})), inputs_sha256(*list({"e"})));
  EXPECT_NE(inputs_sha256(*list({"d"})), inputs_sha256(*list({"d/2.jpg", "d/1.jpg"})));
  write("one", "d/1.jpg 1\n");
  write("two", "d/1.jpg 2\n");
  EXPECT_NE(inputs_sha256(*list({"@one"})), inputs_sha256(*list({"@two"})));
}

}  // namespace
}  // namespace smlp
