#include "data/archive_pictures.h"

#include <gmock/gmock.h>

#include "support/scratch.h"
#include "support/tar_file.h"

namespace smlp {
namespace {

using test::kTarEnd;
using test::member;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ArchivePicturesTest : public ::testing::Test {
 protected:
  void write(std::initializer_list<std::pair<const char*, const char*>> members) {
    std::string bytes;
    for (const auto& [name, content] : members) bytes += member({.name = name}, content);
    archive_ = TarArchive::open(scratch_.write("a.tar", bytes + kTarEnd)).value();
  }
  // "PICTURE" or "PICTURE=LABEL" of each, or the error.
  std::vector<std::string> pictures() {
    const auto listing = list_archive(archive_);
    if (!listing) return {listing.error().message()};
    std::vector<std::string> out;
    for (const ArchivePicture& picture : listing->pictures) {
      std::string text = archive_.members()[picture.member].name;
      if (picture.label_member) {
        const auto label = read_sample_label(archive_, **archive_.reader(), *picture.label_member);
        text += "=" + (label ? *label : label.error().message());
      }
      out.push_back(text);
    }
    return out;
  }

  test::Scratch scratch_;
  TarArchive archive_;
};

// As webdataset's base_plus_ext splits them; what has no suffix there has none here.
TEST(SampleKey, IsTheNameUpToTheFirstDotAfterTheLastSlash) {
  using Pair = std::pair<std::string_view, std::string>;
  EXPECT_EQ(sample_key("a.jpg"), Pair("a", "jpg"));
  EXPECT_EQ(sample_key("d.e/a.seg.PNG"), Pair("d.e/a", "seg.png"));
  EXPECT_EQ(sample_key("./a.b"), Pair("./a", "b"));
  EXPECT_EQ(sample_key("a."), Pair("a", ""));
  EXPECT_FALSE(sample_key("a"));
  EXPECT_FALSE(sample_key("d.e/a"));
  EXPECT_FALSE(sample_key(".hidden"));
  EXPECT_FALSE(sample_key(""));
}

TEST_F(ArchivePicturesTest, AShardHasSamplesWithLabels) {
  write({{"b.jpg", "x"},
         {"b.cls", "7\n"},
         {"a/1.cls", "dog"},
         {"a/1.PNG", "x"},
         {"c.jpg", "x"},
         {"c.json", R"({"label": 3, "cls": 4})"},
         {"d.json", R"({"class_name": " cat "})"},
         {"d.webp", "x"}});
  EXPECT_THAT(pictures(), ElementsAre("b.jpg=7", "a/1.PNG=dog", "c.jpg=3", "d.webp=cat"));
  EXPECT_TRUE(list_archive(archive_)->shard);
}

TEST_F(ArchivePicturesTest, ASampleHasOnePicture) {
  write({{"a.seg.png", "x"}, {"a.jpg", "x"}, {"a.cls", "1"}, {"b.cls", "1"}, {"b.seg.png", "x"}, {"c.cls", "2"}});
  EXPECT_THAT(pictures(), ElementsAre("a.jpg=1", "b.seg.png=1"));
  EXPECT_EQ(list_archive(archive_)->others.size(), 2U) << "a.seg.png, and a label without a picture";
  write({{"a.png", "x"}, {"a.jpg", "x"}, {"a.cls", "1"}});
  EXPECT_THAT(pictures().front(), HasSubstr("a.tar:a: the sample has two pictures, a.png and a.jpg"));
  write({{"a.jpg", "x"}, {"a.cls", "3"}, {"a.CLS", "4"}});
  EXPECT_THAT(pictures().front(), HasSubstr("a.tar:a: the sample has two files of the ending .cls"));
  write({{"a.jpg", "x"}, {"a.Json", "{}"}, {"a.json", "{}"}});
  EXPECT_THAT(pictures().front(), HasSubstr("a.tar:a: the sample has two files of the ending .json"));
  write({{"a.jpg", "x"}, {"b.jpg", "x"}, {"b.cls", "1"}, {"a.cls", "1"}});
  EXPECT_THAT(pictures().front(), HasSubstr("a.tar:a: the members of this sample do not lie together"));
}

TEST_F(ArchivePicturesTest, WithoutLabelsEachPictureStandsForItself) {
  write({{"d/photo.2020.jpg", "x"},
         {"d/photo.2021.jpg", "x"},
         {"noname", "\xFF\xD8\xFF"},
         {"notes.txt", "x"},
         {"photo.jpg.json", "{}"},
         {"lone.json", "{}"}});
  EXPECT_THAT(pictures(), ElementsAre("d/photo.2020.jpg", "d/photo.2021.jpg", "noname"));
  EXPECT_EQ(list_archive(archive_)->others.size(), 3U);
}

TEST_F(ArchivePicturesTest, JunkIsWhatItIsInFolders) {
  write({{"./a.jpg", "x"},
         {"./._a.jpg", "x"},
         {"__MACOSX/a.jpg", "x"},
         {".git/a.jpg", "x"},
         {"d/Thumbs.db", "x"},
         {"__meta__/a.jpg", "x"},
         {"____/a.jpg", "x"},
         {"d/desktop.ini/a.jpg", "x"},
         {"../b.jpg", "x"},
         {"/c.jpg", "x"},
         {"___/d.jpg", "x"},
         {"__e/e.jpg", "x"},
         {"f__/f.jpg", "x"},
         {"g/__meta__/g.jpg", "x"}});
  EXPECT_THAT(pictures(),
              ElementsAre("./a.jpg", "../b.jpg", "/c.jpg", "___/d.jpg", "__e/e.jpg", "f__/f.jpg", "g/__meta__/g.jpg"));
}

TEST_F(ArchivePicturesTest, ALabelIsANumberOrAText) {
  write({{"a.jpg", "x"},
         {"a.cls", " \n"},
         {"b.jpg", "x"},
         {"b.json", "[1]"},
         {"c.jpg", "x"},
         {"c.json", R"({"label": 1.5})"},
         {"d.jpg", "x"},
         {"d.json", R"({"caption": "a"})"},
         {"e.jpg", "x"},
         {"e.json", "{"},
         {"f.jpg", "x"},
         {"f.json", R"({"label": -1})"},
         {"g.jpg", "x"},
         {"g.json", R"({"label": null, "wnid": "n01440764"})"}});
  const auto found = pictures();
  ASSERT_EQ(found.size(), 7U);
  EXPECT_THAT(found[0], HasSubstr("a.tar:a.cls: no label: is empty"));
  EXPECT_THAT(found[1], HasSubstr("is no JSON object"));
  EXPECT_THAT(found[2], HasSubstr("\"label\" is neither a number from 0 on nor a text"));
  EXPECT_THAT(found[3], HasSubstr("none of the keys"));
  EXPECT_THAT(found[4], HasSubstr("e.json: no label: "));
  EXPECT_THAT(found[5], HasSubstr("neither a number"));
  EXPECT_EQ(found[6], "g.jpg=n01440764");
}

TEST_F(ArchivePicturesTest, TheNumberOfAClassComesBeforeWhatElseIsSaid) {
  write({{"a.jpg", "x"},
         {"a.json", R"({"label": 3})"},
         {"a.cls", "7"},
         {"b.jpg", "x"},
         {"b.json", R"({"class_name": "d", "wnid": "c", "cls": "b", "label": 0})"},
         {"c.jpg", "x"},
         {"c.json", R"({"class_name": "d", "wnid": "c", "cls": 1})"},
         {"d.jpg", "x"},
         {"d.json", R"({"class_name": "d", "wnid": "c"})"}});
  EXPECT_THAT(pictures(), ElementsAre("a.jpg=7", "b.jpg=0", "c.jpg=1", "d.jpg=c"));
  EXPECT_THAT(list_archive(archive_)->others, ElementsAre(1)) << "the label that is not used";
}

TEST_F(ArchivePicturesTest, ALabelIsShort) {
  const auto label_of = [&](const std::string& name, const std::string& content) {
    archive_ = TarArchive::open(scratch_.write("a.tar", member({.name = name}, content) + kTarEnd)).value();
    const auto label = read_sample_label(archive_, **archive_.reader(), 0);
    return label ? *label : label.error().message();
  };
  EXPECT_EQ(label_of("a.cls", std::string(4096, 'x')), std::string(4096, 'x'));
  EXPECT_THAT(label_of("a.cls", std::string(4097, 'x')), HasSubstr("a.tar:a.cls: 4097 bytes; at most 4096"));
  const std::string json = R"({"label": 5})";
  EXPECT_EQ(label_of("a.json", json + std::string((1 << 20) - json.size(), ' ')), "5");
  EXPECT_THAT(label_of("a.json", json + std::string((1 << 20) + 1 - json.size(), ' ')), HasSubstr("at most 1048576"));
  EXPECT_THAT(label_of("a.cls", std::string("a\0b", 3)), HasSubstr("has a zero byte in it"));
  EXPECT_EQ(label_of("a.cls", "\t two words\r\n"), "two words");
}

TEST(FolderOfMember, IsTheOneThatHoldsIt) {
  EXPECT_EQ(folder_of_member("val/n01440764/1.jpg"), "n01440764");
  EXPECT_EQ(folder_of_member("/dog/1.jpg"), "dog");
  EXPECT_EQ(folder_of_member("./1.jpg"), "");
  EXPECT_EQ(folder_of_member("1.jpg"), "");
  EXPECT_EQ(folder_of_member("/1.jpg"), "");
  EXPECT_EQ(folder_of_member("../1.jpg"), "");
  EXPECT_EQ(folder_of_member("dog/../1.jpg"), "");
  EXPECT_EQ(folder_of_member("..dog/1.jpg"), "..dog");
}

}  // namespace
}  // namespace smlp
