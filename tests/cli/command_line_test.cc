// Help, version, misspelt words, streams that fail: what holds for every command.
#include <gmock/gmock.h>

#include <regex>

#include "cli/process.h"

namespace smlp::test {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::vector<std::string> commands() {
  std::vector<std::string> names;
  const std::string overview = run_smlp({"--help"}).out;
  const std::regex line("^  ([a-z]+)  +\\S.*$");
  const std::size_t start = overview.find("Commands:");
  for (const std::string& text : lines_of(overview.substr(start))) {
    std::smatch match;
    if (std::regex_match(text, match, line)) names.push_back(match[1]);
  }
  return names;
}

TEST(CommandLine, OverviewListsTheCommands) {
  const Outcome outcome = run_smlp({"--help"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, HasSubstr("Example:\n  smlp "));
  EXPECT_THAT(commands(), ::testing::Contains("info"));
}

TEST(CommandLine, EveryCommandHasHelpWithAnExample) {
  for (const std::string& command : commands()) {
    const Outcome outcome = run_smlp({command, "--help"});
    EXPECT_EQ(outcome.status, 0) << command;
    EXPECT_EQ(outcome.err, "") << command;
    EXPECT_THAT(outcome.out, HasSubstr("Usage: smlp " + command));
    EXPECT_THAT(outcome.out, ::testing::ContainsRegex("Examples?:\n  smlp " + command)) << command;
    EXPECT_EQ(run_smlp({"help", command}).out, outcome.out);
  }
}

TEST(CommandLine, EveryCommandNamesAMisspeltOptionAndExits2) {
  for (const std::string& command : commands()) {
    const Outcome outcome = run_smlp({command, "--hlep"});
    EXPECT_EQ(outcome.status, 2) << command;
    EXPECT_EQ(outcome.out, "") << command;
    EXPECT_THAT(lines_of(outcome.err), SizeIs(1)) << command;
    EXPECT_THAT(outcome.err, StartsWith("smlp: error: unknown option '--hlep' (did you mean --help?)")) << command;
  }
}

TEST(CommandLine, VersionIsOneLine) {
  const Outcome outcome = run_smlp({"--version"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(std::regex_match(outcome.out, std::regex("smlp \\d+\\.\\d+\\.\\d+\n"))) << outcome.out;
}

TEST(CommandLine, AMisspeltCommandIsAUsageError) {
  const Outcome outcome = run_smlp({"inof"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err, "smlp: error: unknown command 'inof' (did you mean info?); see 'smlp --help'\n");
  EXPECT_EQ(run_smlp({}).status, 2);
  EXPECT_EQ(run_smlp({"--verison"}).err,
            "smlp: error: unknown option '--verison' (did you mean --version?); see 'smlp --help'\n");
}

TEST(CommandLine, DashesOfTypesetTextAreUnderstood) {
  EXPECT_EQ(run_smlp({"info", "\u2013json"}).status, 0);
  EXPECT_EQ(run_smlp({"info", "\u2014json"}).status, 0);
  EXPECT_EQ(run_smlp({"info", "\u2013\u2013json"}).status, 0);
  EXPECT_EQ(run_smlp({"info", "\u2013-json"}).status, 0);
  EXPECT_EQ(run_smlp({"info", "-\u2013json"}).status, 0);
  EXPECT_EQ(run_smlp({"\u2013version"}).status, 0);
  EXPECT_EQ(run_smlp({"info", "\u2013help"}).status, 0);
  EXPECT_THAT(run_smlp({"classify", "--data", "\u2013json"}).err, HasSubstr("--data needs a value"));
}

// A file may be called so.
TEST(CommandLine, DashesOfValuesAreLeftAsTheyAre) {
  const Scratch scratch;
  const fs::path file = scratch.folder() / "\u2013x.txt";
  scratch.write("--x.txt", "not what was asked for");
  for (const std::vector<std::string>& asked :
       {std::vector<std::string>{"--", "\u2013x.txt"}, {"--model", "\u2013x.txt"}, {"--model=\u2013x.txt"}}) {
    std::string command = "cd " + scratch.folder().string() + " && $SMLP info";
    for (const std::string& word : asked) command += " '" + word + "'";
    const Outcome outcome = run_shell(command);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr("error: \u2013x.txt: "));
  }
  EXPECT_EQ(run_smlp({"info", "\u2013x.txt"}).status, 2) << "like any word that begins with a dash";
}

TEST(CommandLine, WordsAfterHelpAndVersionAreRefused) {
  EXPECT_EQ(run_smlp({"--version", "info"}).err,
            "smlp: error: unexpected argument 'info' after --version; see 'smlp --help'\n");
  EXPECT_EQ(run_smlp({"--help", "info"}).status, 2);
  EXPECT_EQ(run_smlp({"help", "info", "serve"}).status, 2);
}

TEST(CommandLine, AFullDiskIsAnError) {
  const Outcome outcome = run_shell("$SMLP info > /dev/full");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.err,
            "smlp: error: standard output: cannot write: No space left on device; free some space and run it again\n");
}

TEST(CommandLine, AClosedStdoutIsAnError) {
  const Outcome outcome = run_shell("$SMLP --help >&-");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(lines_of(outcome.err), SizeIs(1));
}

TEST(CommandLine, AClosedPipeEndsQuietly) {
  const Outcome outcome = run_shell("( trap '' PIPE; $SMLP --help; ) | true; $SMLP info | head -1");
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.status, 0);
}

}  // namespace
}  // namespace smlp::test
