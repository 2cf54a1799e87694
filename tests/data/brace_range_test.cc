#include "data/brace_range.h"

#include <gmock/gmock.h>

namespace smlp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// What bash and the Python package braceexpand give.
TEST(BraceRange, RangesAndAlternatives) {
  EXPECT_THAT(*expand_braces("s-{000..002}.tar"), ElementsAre("s-000.tar", "s-001.tar", "s-002.tar"));
  EXPECT_THAT(*expand_braces("{8..11}"), ElementsAre("8", "9", "10", "11"));
  EXPECT_THAT(*expand_braces("{99..101}"), ElementsAre("99", "100", "101"));
  EXPECT_THAT(*expand_braces("{11..8}"), ElementsAre("11", "10", "9", "8"));
  EXPECT_THAT(*expand_braces("{08..11}"), ElementsAre("08", "09", "10", "11"));
  EXPECT_THAT(*expand_braces("{1..003}"), ElementsAre("001", "002", "003"));
  EXPECT_THAT(*expand_braces("{2..0}"), ElementsAre("2", "1", "0"));
  EXPECT_THAT(*expand_braces("{5..5}"), ElementsAre("5"));
  EXPECT_THAT(*expand_braces("{train,val}-{0..1}.tar"),
              ElementsAre("train-0.tar", "train-1.tar", "val-0.tar", "val-1.tar"));
  EXPECT_THAT(*expand_braces("a{,b}"), ElementsAre("a", "ab"));
}

TEST(BraceRange, OtherBracesAreText) {
  for (const char* word : {"", "plain", "{}", "{a}", "{1..}", "{..2}", "{1.2}", "{-1..2}", "{a..c}", "open{1..2",
                           "close}1", "{1..99999999999999999999}"}) {
    EXPECT_THAT(*expand_braces(word), ElementsAre(word));
  }
}

TEST(BraceRange, NumbersAndWordsHaveALimit) {
  EXPECT_THAT(*expand_braces("{999999999999998..999999999999999}"), ElementsAre("999999999999998", "999999999999999"));
  EXPECT_THAT(*expand_braces("{0000000000000001..2}"), ElementsAre("{0000000000000001..2}")) << "16 digits";
  EXPECT_THAT(*expand_braces(std::string(4090, 'x') + "{1..2}"), SizeIs(2));
  EXPECT_THAT(*expand_braces(std::string(4091, 'x') + "{1..2}"), SizeIs(1)) << "no path is so long";
}

TEST(BraceRange, NoMoreThanAnybodyMeans) {
  EXPECT_THAT(*expand_braces("{1..100000}"), SizeIs(100000));
  EXPECT_THAT(expand_braces("{0..100000}").error().message(), HasSubstr("more than 100000 names"));
  EXPECT_THAT(expand_braces("{1..999}{1..999}").error().message(), HasSubstr("more than 100000 names"));
  EXPECT_THAT(expand_braces("{0..999999999999999}").error().message(), HasSubstr("more than 100000 names"));
  EXPECT_THAT(expand_braces("{a,{b,c}}").error().message(), HasSubstr("braces within braces"));
}

}  // namespace
}  // namespace smlp
