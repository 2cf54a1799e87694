#include "data/tar_archive.h"

#include <gmock/gmock.h>

#include "support/scratch.h"
#include "support/tar_file.h"

namespace smlp {
namespace {

using test::kTarEnd;
using test::member;
using test::pax;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TarArchiveTest : public ::testing::Test {
 protected:
  std::vector<std::string> names(const std::string& bytes) {
    const auto archive = TarArchive::open(scratch_.write("a.tar", bytes));
    if (!archive) return {archive.error().message()};
    std::vector<std::string> out;
    for (const TarMember& m : archive->members()) {
      const auto content = (*archive->reader())->read(m, 1 << 20);
      out.push_back(m.name + "=" + (content ? *content : content.error().message()));
    }
    return out;
  }
  std::string problem(const std::string& bytes) {
    const auto archive = TarArchive::open(scratch_.write("a.tar", bytes));
    return archive ? "no error" : archive.error().message();
  }

  test::Scratch scratch_;
};

TEST_F(TarArchiveTest, MembersAreReadInPlace) {
  EXPECT_THAT(names(member({.name = "d/", .type = '5'}) + member({.name = "d/a.jpg"}, "one") +
                    member({.name = "b"}, std::string(512, 'x')) + member({.name = "empty"}) +
                    member({.name = "old/"}) + member({.name = "c", .type = '\0'}, "three") + kTarEnd),
              ElementsAre("d/a.jpg=one", "b=" + std::string(512, 'x'), "empty=", "c=three"));
  EXPECT_THAT(names(member({.name = "a"}, "1")), ElementsAre("a=1")) << "no end, as after a stopped append";
  EXPECT_THAT(names(member({.name = "a"}, "1").substr(0, 513)), ElementsAre("a=1")) << "no padding";
  EXPECT_THAT(names(member({.name = "a"}, "1") + kTarEnd + member({.name = "b"}, "2")), ElementsAre("a=1"));
  EXPECT_THAT(names(kTarEnd), ElementsAre());
  EXPECT_THAT(names(""), ElementsAre());
}

TEST_F(TarArchiveTest, LongNamesAndSizes) {
  const std::string name(300, 'n');
  EXPECT_THAT(names(member({.name = "b", .prefix = "a/long/prefix"}, "1")), ElementsAre("a/long/prefix/b=1"));
  EXPECT_THAT(names(pax("path", name) + member({.name = "short"}, "1") + member({.name = "next"}, "2")),
              ElementsAre(name + "=1", "next=2"));
  EXPECT_THAT(names(member({.name = "././@LongLink", .type = 'L'}, name + std::string(1, '\0')) +
                    member({.name = "short"}, "1") + member({.name = "next"}, "2")),
              ElementsAre(name + "=1", "next=2"));
  EXPECT_THAT(names(pax("size", "3") + member({.name = "a", .size = "00000000000"}, "abc") + member({.name = "b"})),
              ElementsAre("a=abc", "b="));
  EXPECT_THAT(names(pax("comment", "x", 'g') + member({.name = "a"}, "1")), ElementsAre("a=1"));
  EXPECT_THAT(names(member({.name = "a", .size = std::string("\x80\0\0\0\0\0\0\0\0\0\0\3", 12)}, "abc")),
              ElementsAre("a=abc"));
  EXPECT_THAT(names(pax("path", name) + member({.name = "d/", .type = '5'}) + member({.name = "next"}, "2")),
              ElementsAre("next=2"));
}

// Some programs of old added signed bytes; others put spaces before a number.
TEST_F(TarArchiveTest, HeadersOfOldProgramsAreRead) {
  const std::string plain = member({.name = "\xE9t\xE9"}, "1");
  EXPECT_THAT(names(plain), ElementsAre("\xE9t\xE9=1"));
  const auto with_sum = [&](int more) {
    const int sum = std::stoi(plain.substr(148, 6), nullptr, 8) + more;
    std::string changed = plain;
    return changed.replace(148, 6, fmt::format("{:06o}", sum));
  };
  EXPECT_THAT(names(with_sum(-2 * 256)), ElementsAre("\xE9t\xE9=1"));
  for (const int wrong : {-1, 1, -256, 2 * 256}) EXPECT_THAT(problem(with_sum(wrong)), HasSubstr("is no tar archive"));
  EXPECT_THAT(names(member({.name = "a", .size = "         3 "}, "abc") + member({.name = "b"})),
              ElementsAre("a=abc", "b="));
  EXPECT_THAT(names(member({.name = "a", .size = "            "})), ElementsAre("a="));
}

TEST_F(TarArchiveTest, NamesAreOnlyNames) {
  EXPECT_THAT(names(member({.name = "../../etc/passwd"}, "1") + member({.name = "/abs"}, "2")),
              ElementsAre("../../etc/passwd=1", "/abs=2"));
}

TEST_F(TarArchiveTest, WhatCannotBeReadInPlaceIsRefused) {
  EXPECT_THAT(problem("\x1F\x8B rest"), HasSubstr("compressed with gzip"));
  EXPECT_THAT(problem("BZh9"), HasSubstr("compressed with bzip2"));
  EXPECT_THAT(problem("\xFD"
                      "7zXZ"),
              HasSubstr("compressed with xz"));
  EXPECT_THAT(problem("\x28\xB5\x2F\xFD"), HasSubstr("compressed with zstd"));
  EXPECT_THAT(problem(member({.name = "l", .type = '2'})),
              AllOf(HasSubstr("member 'l' is a symbolic link"), HasSubstr("tar --dereference")));
  EXPECT_THAT(problem(member({.name = "s", .type = 'S'})), AllOf(HasSubstr("a sparse file"), HasSubstr("--sparse")));
  EXPECT_THAT(problem(pax("GNU.sparse.major", "1") + member({.name = "s"})), HasSubstr("a sparse file"));
  EXPECT_THAT(problem(member({.name = "p", .type = '6'})), HasSubstr("a device or a pipe"));
  EXPECT_THAT(problem(member({.name = "p", .type = 'Z'})), HasSubstr("unknown type 90"));
}

TEST_F(TarArchiveTest, HardLinksAreFurtherNamesOfAMember) {
  const auto link = [](const std::string& name, const std::string& to) {
    return member({.name = name, .type = '1', .link = to});
  };
  const std::string first = member({.name = "./a"}, "one");
  EXPECT_THAT(names(first + link("b", "./a") + link("./c", "a") + link("d", "b") + member({.name = "e"}, "two")),
              ElementsAre("./a=one", "b=one", "./c=one", "d=one", "e=two"));
  const std::string name(300, 'n');
  EXPECT_THAT(names(pax("path", name) + member({.name = "n"}, "1") + pax("linkpath", name) + link("b", "n") +
                    member({.name = "././@LongLink", .type = 'K'}, name + std::string(1, '\0')) + link("c", "n")),
              ElementsAre(name + "=1", "b=1", "c=1"));
  EXPECT_THAT(problem(first + link("b", "x")), HasSubstr("'b' is a hard link to 'x', which is no file before it"));
  EXPECT_THAT(problem(link("b", "a") + first), HasSubstr("no file before it"));
  EXPECT_THAT(problem(link("b", "b")), HasSubstr("no file before it"));
  EXPECT_THAT(problem(link("b", "c") + link("c", "b")), HasSubstr("no file before it"));
  EXPECT_THAT(problem(first + link("a", "a")), HasSubstr("two members named 'a'"));
  EXPECT_THAT(problem(first + member({.name = "b", .type = '1', .link = "a"}, "bytes")),
              AllOf(HasSubstr("5 bytes of its own"), HasSubstr("--hard-dereference")));
  EXPECT_THAT(problem(pax("linkpath", "a", 'g') + first), HasSubstr("all members one linkpath"));
}

TEST_F(TarArchiveTest, DamagedArchivesAreErrors) {
  const std::string whole = member({.name = "a"}, "abc");
  EXPECT_THAT(problem(std::string(512, 'x')), HasSubstr("is no tar archive"));
  EXPECT_THAT(problem(whole.substr(0, 511)), HasSubstr("cut off inside a header"));
  EXPECT_THAT(problem(whole.substr(0, 514)), HasSubstr("is cut off: a member of 3 bytes, and 2 follow"));
  std::string flipped = whole + member({.name = "b"});
  flipped[1024] = 'c';
  EXPECT_THAT(problem(flipped), HasSubstr("checksum is wrong"));
  EXPECT_THAT(problem(member({.name = "a", .size = "77777777777"})), HasSubstr("is cut off"));
  for (const std::string& size : {std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), std::string("12x"),
                                  std::string("-1"), std::string("\x80\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")}) {
    EXPECT_THAT(problem(member({.name = "a", .size = size})), HasSubstr("impossible size"));
  }
  EXPECT_THAT(problem(member({.name = "a", .size = std::string("\x80\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12)})),
              HasSubstr("is cut off"));
  EXPECT_THAT(problem(member({.name = ""})), HasSubstr("without a name"));
  EXPECT_THAT(problem(pax("path", "x")), HasSubstr("ends after a header of extensions"));
  EXPECT_THAT(problem(pax("path", std::string("a\0b", 3)) + whole), HasSubstr("zero byte"));
  EXPECT_THAT(problem(pax("size", "3", 'g') + whole), HasSubstr("all members one size"));
  EXPECT_THAT(problem(pax("path", "x", 'g') + whole), HasSubstr("all members one path"));
  EXPECT_THAT(problem(pax("size", "-3") + whole), HasSubstr("damaged pax"));
  EXPECT_THAT(problem(pax("size", "18446744073709551615") + whole), HasSubstr("is cut off"));
  EXPECT_THAT(problem(pax("size", "18446744073709551616") + whole), HasSubstr("damaged pax"));
  for (const char* record :
       {"8 path=x\n", "99 path=x\n", "x", "4 =\n", "0 ", "18446744073709551615 path=x\n", "10path=xy\n", "8 pathx\n"}) {
    EXPECT_THAT(problem(member({.name = "pax", .type = 'x'}, record) + whole), HasSubstr("damaged pax header"))
        << record;
  }
  EXPECT_THAT(problem(member({.name = "pax", .type = 'x'}, std::string((1 << 20) + 1, 'x'))),
              HasSubstr("extensions of"));
}

TEST_F(TarArchiveTest, AMemberBeyondTheLimitIsNotRead) {
  const auto archive = TarArchive::open(scratch_.write("a.tar", member({.name = "a"}, "abc")));
  ASSERT_TRUE(archive);
  EXPECT_THAT((*archive->reader())->read(archive->members()[0], 2).error().message(),
              HasSubstr("a.tar:a: 3 bytes; at most 2"));
  EXPECT_EQ((*archive->reader())->read(archive->members()[0], 3), "abc");
  EXPECT_EQ((*archive->reader())->read_start(archive->members()[0], 2), "ab");
  EXPECT_FALSE(TarArchive::open(scratch_.folder()));
}

TEST_F(TarArchiveTest, AnArchiveThatChangesIsAnErrorThatNamesIt) {
  const std::string whole = member({.name = "a"}, "abc") + kTarEnd;
  const auto path = scratch_.write("a.tar", whole);
  const auto archive = TarArchive::open(path);
  ASSERT_TRUE(archive);
  const auto reader = archive->reader();
  ASSERT_TRUE(reader);
  EXPECT_TRUE((*reader)->read(archive->members()[0], 10));
  std::filesystem::resize_file(path, 514);  // under the reader's hands
  EXPECT_THAT((*reader)->read(archive->members()[0], 10).error().message(), HasSubstr("a.tar: the archive changed"));
  std::filesystem::remove(path);
  scratch_.write("a.tar", whole + member({.name = "b"}, "new"));  // another file of its name
  EXPECT_THAT(archive->reader().error().message(), HasSubstr("a.tar: the archive changed"));
}

TEST_F(TarArchiveTest, TwoMembersOfOneNameAreRefused) {
  EXPECT_THAT(problem(member({.name = "a"}, "1") + member({.name = "b"}) + member({.name = "a"}, "2")),
              HasSubstr("has two members named 'a' (at byte 1536)"));
  for (const char* other : {"./a", "././a", "/a", ".//a"}) {
    EXPECT_THAT(problem(member({.name = "a"}, "1") + member({.name = other}, "2")),
                HasSubstr(std::string("has two members named '") + other + "'"));
  }
  EXPECT_EQ(problem(member({.name = "a"}, "1") + member({.name = "b/a"}, "2") + member({.name = "../a"}, "3")),
            "no error");
  EXPECT_THAT(problem(pax("path", std::string(4097, 'n')) + member({.name = "a"})), HasSubstr("name of 4097 bytes"));
  EXPECT_EQ(problem(pax("path", std::string(4096, 'n')) + member({.name = "a"})), "no error");
}

TEST_F(TarArchiveTest, AMissingEndIsKnown) {
  EXPECT_FALSE(TarArchive::open(scratch_.write("a.tar", member({.name = "a"}, "1")))->has_end());
  EXPECT_TRUE(TarArchive::open(scratch_.write("a.tar", member({.name = "a"}, "1") + kTarEnd))->has_end());
}

TEST_F(TarArchiveTest, WhatFollowsTheEndIsKnown) {
  const std::string archive = member({.name = "a"}, "1") + kTarEnd;
  const auto has_more = [&](const std::string& bytes) {
    const auto opened = TarArchive::open(scratch_.write("a.tar", bytes));
    EXPECT_TRUE(opened.has_value() && opened->has_end());
    EXPECT_EQ(opened->members().size(), 1U);
    return opened->has_more();
  };
  EXPECT_FALSE(has_more(archive));
  EXPECT_FALSE(has_more(archive.substr(0, archive.size() - 512))) << "one block of zeros, as some writers have it";
  EXPECT_FALSE(has_more(archive + std::string(10240, '\0')));
  EXPECT_TRUE(has_more(archive + archive)) << "cat a.tar b.tar";
  EXPECT_TRUE(has_more(archive + std::string(9000, '\0') + archive));
  EXPECT_TRUE(has_more(archive + "x"));
  EXPECT_TRUE(has_more(archive + std::string((1 << 20) - 1024 - 1, '\0') + "x")) << "the last byte of a mebibyte";
}

}  // namespace
}  // namespace smlp
