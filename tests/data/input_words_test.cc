#include "data/input_words.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "support/scratch.h"

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::filesystem::path> paths_of(std::string_view word) {
  std::vector<std::filesystem::path> paths;
  const NamedPaths named = input_paths(word).value();
  for (const NamedPath& path : named.paths) paths.push_back(path.path);
  return paths;
}

TEST(InputWords, APathAndPathsBetweenCommas) {
  EXPECT_THAT(paths_of("a.jpg"), ElementsAre("a.jpg"));
  EXPECT_THAT(paths_of("a.jpg,dir/b,,c d,"), ElementsAre("a.jpg", "dir/b", "c d"));
  const test::Scratch scratch;
  const std::string comma = scratch.write("x,y.jpg", "");
  EXPECT_THAT(paths_of(comma), ElementsAre(comma)) << "it exists by this name";
  EXPECT_THAT(paths_of(comma + "2,z"), ElementsAre(scratch.folder() / "x", "y.jpg2", "z"));
  EXPECT_THAT(paths_of("s-{1..2}.tar,{a,b}.tar"), ElementsAre("s-1.tar", "s-2.tar", "a.tar", "b.tar"));
  const std::string brace = scratch.write("{1..2}.jpg", "");
  EXPECT_THAT(paths_of(brace), ElementsAre(brace)) << "it exists by this name";
  EXPECT_FALSE(input_paths(""));
  EXPECT_FALSE(input_paths(",,"));
  EXPECT_THAT(paths_of("@"), ElementsAre("@"));
  EXPECT_THAT(paths_of("a{b,c"), ElementsAre("a{b", "c")) << "a brace that nothing closes is text";
  EXPECT_THAT(paths_of("a}b,c"), ElementsAre("a}b", "c"));
}

TEST(InputWords, AListHasAPathALine) {
  const test::Scratch scratch;
  const std::string list = scratch.write("list.txt",
                                         "\xEF\xBB\xBF"
                                         "a.jpg\r\n\n#1.jpg\n b,c \n-\nlast");
  EXPECT_THAT(paths_of("@" + list), ElementsAre("a.jpg", "#1.jpg", " b,c ", "-", "last"));
  EXPECT_THAT(input_paths("@" + scratch.write("empty.txt", "\n\r\n").string()).error().message(),
              HasSubstr("empty.txt: the list names nothing"));
  EXPECT_THAT(input_paths("@" + scratch.write("zero.txt", std::string("a\nb\0c\n", 6)).string()).error().message(),
              HasSubstr("line 2 has a zero byte"));
  EXPECT_THAT(input_paths("@" + list + ".no").error().message(), HasSubstr("list.txt.no"));
  EXPECT_FALSE(input_paths("@" + scratch.folder().string()));
}

TEST(InputWords, AListOnStandardInput) {
  const test::Scratch scratch;
  const int before = ::dup(STDIN_FILENO);
  const int file = ::open(scratch.write("list", "x.png\ny.png\n").c_str(), O_RDONLY);
  ::dup2(file, STDIN_FILENO);
  EXPECT_THAT(paths_of("-"), ElementsAre("x.png", "y.png"));
  EXPECT_THAT(input_paths("-").error().message(), HasSubstr("standard input: the list names nothing"));
  const int folder = ::open(scratch.folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ::dup2(folder, STDIN_FILENO);
  EXPECT_THAT(input_paths("-").error().message(), HasSubstr("standard input: cannot read: Is a directory"));
  ::dup2(before, STDIN_FILENO);
  ::close(file);
  ::close(folder);
  ::close(before);
}

}  // namespace
}  // namespace smlp
