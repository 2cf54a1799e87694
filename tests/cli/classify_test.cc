#include <gmock/gmock.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/process.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class Classify : public ::testing::Test {
 protected:
  Classify() {
    test::write_model(model_, test::small_config(3), 1, {{"smlp.classes", R"(["ant", "bee, wasp", "cat"])"}});
    for (unsigned i = 1; i <= 10; ++i) test::write_png(photo(i), 40 + static_cast<int>(i), 50, i);
  }

  fs::path photo(unsigned i) { return scratch_.folder() / "photos" / (std::to_string(i) + ".png"); }

  Outcome classify(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"classify", "--model", model_.string()});
    return run_smlp(arguments);
  }

  test::Scratch scratch_;
  fs::path model_ = scratch_.folder() / "m.safetensors";
};

TEST_F(Classify, OneTabbedLineAPictureForPipes) {
  const Outcome outcome = classify({photo(1), photo(2), "--top", "2"});
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const auto lines = lines_of(outcome.out);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_THAT(lines[0], StartsWith(photo(1).string() + "\t"));
  EXPECT_EQ(std::ranges::count(lines[0], '\t'), 4);
}

TEST_F(Classify, JsonLinesHoldProbabilitiesThatSumToOne) {
  const Outcome outcome = classify({photo(1), photo(2), "--json", "--top", "9"});
  EXPECT_EQ(outcome.status, 0);
  const auto lines = lines_of(outcome.out);
  ASSERT_THAT(lines, SizeIs(2));
  for (const std::string& line : lines) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_THAT(json.at("file").get<std::string>(), HasSubstr("photos"));
    ASSERT_EQ(json.at("top").size(), 3U) << "more than there are means all";
    double sum = 0, last = 1;
    for (const auto& entry : json.at("top")) {
      const double p = entry.at("probability");
      EXPECT_LE(p, last);
      sum += last = p;
      const char* names[] = {"ant", "bee, wasp", "cat"};
      EXPECT_EQ(entry.at("label"), names[entry.at("index").get<int>()]);
    }
    EXPECT_NEAR(sum, 1, 1e-6);
  }
}

TEST_F(Classify, AFolderIsWalkedInNaturalOrder) {
  scratch_.write("photos/notes.txt", "no picture");
  test::write_png(scratch_.folder() / "photos/more/x.png", 40, 40, 3);
  const auto lines = lines_of(classify({scratch_.folder() / "photos"}).out);
  ASSERT_THAT(lines, SizeIs(11));
  for (unsigned i = 1; i <= 10; ++i) EXPECT_THAT(lines[i - 1], StartsWith(photo(i).string()));
  EXPECT_THAT(lines[10], HasSubstr("more/x.png"));
}

TEST_F(Classify, ThreadsAndBatchChangeNothing) {
  const std::string folder = scratch_.folder() / "photos";
  const auto answers = [&](const char* threads) {
    std::string text;
    for (const std::string& line : lines_of(classify({folder, "--json", "--threads", threads}).out)) {
      auto json = nlohmann::ordered_json::parse(line);
      EXPECT_EQ(std::to_string(json.at("provenance").at("threads").get<int>()), threads);
      json.erase("provenance");
      text += json.dump() + "\n";
    }
    return text;
  };
  EXPECT_EQ(answers("3"), answers("1"));
}

// What the program writes to a terminal of 80 columns; nothing where the system gives none.
std::optional<std::string> on_terminal(std::vector<std::string> arguments) {
  int terminal = -1;
  winsize size = {.ws_row = 25, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child < 0) return std::nullopt;
  if (child == 0) {
    std::vector<char*> words = {const_cast<char*>(SMLP_PROGRAM)};
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    ::setenv("NO_COLOR", "1", 1);
    ::execv(SMLP_PROGRAM, words.data());
    ::_exit(127);
  }
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = ::read(terminal, buffer, sizeof(buffer))) > 0;)
    text.append(buffer, static_cast<std::size_t>(got));
  ::close(terminal);
  ::waitpid(child, nullptr, 0);
  std::erase(text, '\r');
  return text;
}

// A block for each question goes five percent.
TEST_F(Classify, ATerminalGetsATableWithABarForEachProbability) {
  const auto json = nlohmann::json::parse(classify({photo(1), "--json"}).out);
  const auto shown = on_terminal({"classify", "--model", model_, photo(1)});
  if (!shown) GTEST_SKIP() << "no terminal can be made here";
  const std::string& text = *shown;
  const std::size_t begin = text.find(photo(1).string() + "\n");
  ASSERT_NE(begin, std::string::npos) << text;
  const auto lines = lines_of(text.substr(begin));
  ASSERT_GE(lines.size(), 4U) << text;
  for (std::size_t i = 0; i < 3; ++i) {
    const double probability = json.at("top")[i].at("probability");
    char percent[16];
    std::snprintf(percent, sizeof(percent), "  %.1f %%", 100 * probability);
    EXPECT_THAT(lines[i + 1], HasSubstr(percent));
    EXPECT_THAT(lines[i + 1], HasSubstr(json.at("top")[i].at("label").get<std::string>()));
    int blocks = 0;
    for (std::size_t at = 0; (at = lines[i + 1].find("\u2588", at)) != std::string::npos; ++at) ++blocks;
    EXPECT_EQ(blocks, static_cast<int>(std::floor(20 * probability + 0.5))) << lines[i + 1];
  }
}

// Scripts that pair answers with questions lose none.
TEST_F(Classify, JsonHasAnObjectForEachFailureToo) {
  const fs::path broken = scratch_.write("photos/5b.png", "no picture"), missing = scratch_.folder() / "missing.jpg";
  const fs::path empty = scratch_.folder() / "empty";
  fs::create_directory(empty);
  const Outcome outcome = classify({photo(1), broken, missing, photo(2), empty, "--json"});
  EXPECT_EQ(outcome.status, 1);
  std::map<std::string, nlohmann::json> by_file;
  for (const std::string& line : lines_of(outcome.out)) {
    const auto json = nlohmann::json::parse(line);
    by_file[json.at("file")] = json;
    EXPECT_EQ(json.at("error").is_null(), !json.at("top").empty()) << line;
    EXPECT_EQ(json.at("provenance").at("model").at("sha256").get<std::string>().size(), 64U);
  }
  ASSERT_THAT(by_file, SizeIs(5));
  for (const fs::path& bad : {broken, missing, empty}) {
    EXPECT_THAT(by_file.at(bad).at("error").get<std::string>(), HasSubstr(bad.string()));
  }
  EXPECT_THAT(by_file.at(photo(2)).at("top"), SizeIs(3));
}

TEST_F(Classify, OneBadPictureAmongManyIsReportedAndCounted) {
  const std::string text = scratch_.write("text.jpg", "this is no picture");
  const std::string missing = scratch_.folder() / "missing.jpg";
  const Outcome outcome = classify({photo(1), text, missing, photo(2)});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(lines_of(outcome.out), SizeIs(2));
  const auto errors = lines_of(outcome.err);
  ASSERT_THAT(errors, SizeIs(3));
  EXPECT_THAT(errors[0], StartsWith("smlp: error: " + text + ": "));
  EXPECT_THAT(errors[1], StartsWith("smlp: error: " + missing + ": "));
  EXPECT_EQ(errors[2], "smlp: error: 2 of 4 could not be classified");
}

TEST_F(Classify, ASingleBadPictureIsOneLine) {
  const Outcome outcome = classify({scratch_.write("empty.jpg", "")});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(lines_of(outcome.err), SizeIs(1));
}

TEST_F(Classify, AFolderWithoutPicturesIsReported) {
  fs::create_directory(scratch_.folder() / "none");
  const Outcome outcome = classify({scratch_.folder() / "none"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("none: the folder holds no picture"));
}

TEST_F(Classify, AFolderWithoutPermissionIsReported) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every folder";
  const fs::path locked = scratch_.folder() / "locked";
  fs::create_directory(locked);
  ::chmod(locked.c_str(), 0);
  const Outcome outcome = classify({locked, photo(1)});
  ::chmod(locked.c_str(), 0700);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(lines_of(outcome.out), SizeIs(1));
  EXPECT_THAT(outcome.err, HasSubstr("locked: cannot list the folder: Permission denied"));
}

TEST_F(Classify, NamesFromAFile) {
  const std::string names = scratch_.write("names.txt", "n00000001 one\nn00000002 two\nn00000003 three\n");
  const auto json = nlohmann::json::parse(classify({photo(1), "--json", "--classes", names}).out);
  const char* expected[] = {"one", "two", "three"};
  for (const auto& entry : json.at("top")) EXPECT_EQ(entry.at("label"), expected[entry.at("index").get<int>()]);
  const Outcome wrong = classify({photo(1), "--classes", scratch_.write("two.txt", "a\nb\n")});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("two.txt: 2 class names for a model of 3 classes"));
}

TEST_F(Classify, OddFileNamesCannotBreakALine) {
  const fs::path odd = scratch_.folder() / "[odd]\n\x1b[31m\xFF.png";
  test::write_png(odd, 40, 40);
  const Outcome text = classify({odd});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(lines_of(text.out), SizeIs(1));
  EXPECT_THAT(text.out, AllOf(HasSubstr("[odd]\\n\\x1b[31m"), ::testing::Not(HasSubstr("\x1b"))));
  EXPECT_TRUE(nlohmann::json::accept(classify({odd, "--json"}).out));
  fs::create_directory(scratch_.folder() / "[2020]");
  fs::copy_file(photo(1), scratch_.folder() / "[2020]/1.png");
  const Outcome bracket =
      run_shell("cd '" + scratch_.folder().string() + "' && $SMLP classify --model m.safetensors '[2020]'");
  EXPECT_EQ(bracket.status, 0) << bracket.err;
  EXPECT_THAT(bracket.out, StartsWith("[2020]/1.png\t"));
}

TEST_F(Classify, UsageErrorsExit2) {
  EXPECT_EQ(classify({}).status, 2);
  EXPECT_EQ(classify({photo(1), "--top", "0"}).status, 2);
  EXPECT_EQ(classify({photo(1), "--top", "many"}).status, 2);
  EXPECT_EQ(classify({photo(1), "--threads", "-1"}).status, 2);
  EXPECT_EQ(classify({photo(1), "--precision", "fp12"}).status, 2);
  EXPECT_EQ(classify({photo(1), "--isa", "neon9"}).status, 2);
  const Outcome outcome = classify({photo(1), "--tpo", "3"});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.err, "smlp: error: unknown option '--tpo' (did you mean --top?); see 'smlp classify --help'\n");
}

TEST_F(Classify, AModelThatIsNoneIsOneErrorLine) {
  const Outcome missing = run_smlp({"classify", "--model", "/nonexistent.pth", photo(1)});
  EXPECT_EQ(missing.status, 1);
  EXPECT_THAT(lines_of(missing.err), SizeIs(1));
  EXPECT_THAT(missing.err, StartsWith("smlp: error: /nonexistent.pth: "));
  const Outcome picture = run_smlp({"classify", "--model", photo(1), photo(1)});
  EXPECT_EQ(picture.status, 1);
  EXPECT_THAT(lines_of(picture.err), SizeIs(1));
}

TEST_F(Classify, FullDiskAndClosedStdoutAreErrors) {
  const std::string line = "$SMLP classify --model " + model_.string() + " " + photo(1).string();
  EXPECT_EQ(run_shell(line + " > /dev/full").status, 1);
  EXPECT_EQ(run_shell(line + " >&-").status, 1);
  const Outcome pipe = run_shell(line + " " + (scratch_.folder() / "photos").string() + " | head -1");
  EXPECT_EQ(pipe.status, 0);
  EXPECT_EQ(pipe.err, "");
}

TEST_F(Classify, AForcedInstructionSetIsUsed) {
  const std::string run = "$SMLP classify --json --model " + model_.string() + " " + photo(1).string();
  const auto best = nlohmann::json::parse(run_shell(run).out).at("top");
  const auto reference = nlohmann::json::parse(run_shell("SMLP_ISA=reference " + run).out).at("top");
  for (std::size_t i = 0; i < best.size(); ++i) {
    EXPECT_EQ(best[i].at("index"), reference[i].at("index"));
    EXPECT_NEAR(best[i].at("probability").get<double>(), reference[i].at("probability").get<double>(), 1e-5);
  }
  EXPECT_EQ(run_shell("SMLP_ISA=z80 " + run).status, 1);
  EXPECT_THAT(run_shell("SMLP_ISA=z80 " + run).err, HasSubstr("z80"));
}

}  // namespace
}  // namespace smlp::test
