#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "cli/process.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

// Pictures lie in the folder of the class that the model itself answers, as `classify` says it, except those
// that a test moves; so the right counts are known.
class EvaluateCommand : public ::testing::Test {
 protected:
  static constexpr int kPictures = 20;

  EvaluateCommand() {
    for (const char* name : {"ant", "bee", "cat"}) fs::create_directories(data_ / "val" / name);
    test::write_model(model_, test::small_config(3), 1, {{"smlp.classes", R"(["bee", "ant", "cat"])"}});
    for (unsigned i = 0; i < kPictures; ++i) {
      test::write_png(scratch_.folder() / "pool" / (std::to_string(i) + ".png"), 40 + static_cast<int>(i), 50, i);
    }
    const Outcome answers =
        run_smlp({"classify", "--json", "--top", "1", "--model", model_, scratch_.folder() / "pool"});
    for (const std::string& line : lines_of(answers.out)) {
      const auto json = nlohmann::json::parse(line);
      const fs::path file = json.at("file").get<std::string>();
      placed_.push_back(data_ / "val" / json.at("top")[0].at("label").get<std::string>() / file.filename());
      fs::rename(file, placed_.back());
    }
  }

  Outcome evaluate(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {"evaluate", "--model", model_, "--data", data_});
    return run_smlp(arguments);
  }

  // Moves picture i to a class that the model does not answer.
  void mislabel(std::size_t i) {
    const std::string wrong = placed_[i].parent_path().filename() == "ant" ? "cat" : "ant";
    fs::rename(placed_[i], data_ / "val" / wrong / placed_[i].filename());
  }

  test::Scratch scratch_;
  fs::path model_ = scratch_.folder() / "m.safetensors", data_ = scratch_.folder() / "data";
  std::vector<fs::path> placed_;
};

TEST_F(EvaluateCommand, TheGuidesLineWithItsInterval) {
  mislabel(0);
  mislabel(1);
  const Outcome outcome = evaluate();
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  const auto lines = lines_of(outcome.out);
  ASSERT_GE(lines.size(), 2U);
  EXPECT_EQ(lines[0], "acc@1:0.9000, acc@5:1.0000");
  EXPECT_THAT(lines[1], StartsWith("95 % interval: acc@1 0.6990 to 0.9721"));  // Wilson, 18 of 20
  EXPECT_THAT(outcome.out, HasSubstr("the model has 3 classes"));
}

TEST_F(EvaluateCommand, JsonHasWhatTheTextHas) {
  mislabel(0);
  scratch_.write("data/val/ant/broken.jpg", "no picture");
  const Outcome outcome = evaluate({"--json"});
  EXPECT_EQ(outcome.status, 1) << "a picture was skipped";
  EXPECT_THAT(outcome.err, HasSubstr("broken.jpg"));
  const auto json = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(json.at("images"), kPictures);
  EXPECT_EQ(json.at("skipped"), 1);
  EXPECT_DOUBLE_EQ(json.at("acc1"), 0.95);
  EXPECT_DOUBLE_EQ(json.at("acc5"), 1);
  EXPECT_LT(json.at("acc1_interval")[0], 0.95);
  EXPECT_GT(json.at("acc1_interval")[1], 0.95);
  EXPECT_GT(json.at("images_per_second"), 0);
  ASSERT_EQ(json.at("per_class").size(), 3U);
  int images = 0;
  for (const auto& row : json.at("per_class")) images += row.at("images").get<int>();
  EXPECT_EQ(images, kPictures);
  EXPECT_EQ(json.at("per_class")[0].at("folder"), "bee") << "in the order of the model's classes";
}

TEST_F(EvaluateCommand, PerClassTable) {
  const Outcome outcome = evaluate({"--per-class"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(lines_of(outcome.out).front(), ::testing::ContainsRegex("class +folder +name +images +acc@1"));
}

TEST_F(EvaluateCommand, NoProgressWhereStderrIsNoTerminal) {
  EXPECT_THAT(evaluate().err, ::testing::Not(::testing::AnyOf(HasSubstr("\r"), HasSubstr("pictures/s"))));
}

TEST_F(EvaluateCommand, BrokenPicturesAreNamedAndCounted) {
  const std::string broken = scratch_.write("data/val/cat/broken.png", "x");
  scratch_.write("data/val/cat/notes.txt", "left out, as torchvision does");
  const Outcome outcome = evaluate();
  EXPECT_EQ(outcome.status, 1);
  auto errors = lines_of(outcome.err);
  std::erase_if(errors, [](const std::string& line) { return line.ends_with("holds no picture"); });
  ASSERT_THAT(errors, SizeIs(3));
  EXPECT_THAT(errors[0], ::testing::AllOf(StartsWith("smlp: warning: "), HasSubstr("notes.txt")));
  EXPECT_THAT(errors[1], StartsWith("smlp: error: " + broken));
  EXPECT_EQ(errors[2], "smlp: error: 1 of 21 pictures could not be read and are not counted");
  EXPECT_THAT(outcome.out, HasSubstr("acc@1:1.0000"));
}

TEST_F(EvaluateCommand, FoldersThatMatchInPartAreRefused) {
  test::write_png(data_ / "val/dog/1.png", 40, 40);
  const Outcome outcome = evaluate();
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("data: 1 of 4 class folders match no class of the model by name: 'dog'"));
}

// The accuracy must not change by one folder's other name; where nothing matches nothing is guessed.
TEST_F(EvaluateCommand, SynonymsAreNamesAndTheRuleIsSaid) {
  fs::rename(data_ / "val/cat", data_ / "val/Felis_catus");
  EXPECT_EQ(evaluate().status, 1);
  test::write_model(model_, test::small_config(3), 1,
                    {{"smlp.classes", R"(["bee", "ant", "cat, Felis catus"])"},
                     {"smlp.wnids", R"(["n00000003", "n00000009", "n00000001"])"}});
  const Outcome by_name = evaluate();
  EXPECT_EQ(by_name.status, 0) << by_name.err;
  EXPECT_THAT(by_name.out, HasSubstr("acc@1:1.0000"));
  EXPECT_THAT(by_name.out, HasSubstr("labels: 3 class folders are names of the model's classes"));
  fs::rename(data_ / "val/Felis_catus", data_ / "val/n00000001");
  fs::rename(data_ / "val/ant", data_ / "val/n00000009");
  EXPECT_THAT(evaluate().err, HasSubstr("1 of 3 class folders match no class of the model by WordNet id: 'bee'"));
  fs::rename(data_ / "val/bee", data_ / "val/n00000003");
  const auto json = nlohmann::json::parse(evaluate({"--json"}).out);
  EXPECT_EQ(json.at("label_rule"), "wnid");
  EXPECT_EQ(json.at("acc1"), 1);
}

TEST_F(EvaluateCommand, PositionIsTakenWhereAskedForOrNothingElseIsKnown) {
  const Outcome asked = evaluate({"--labels", "position"});
  EXPECT_EQ(asked.status, 0);
  EXPECT_THAT(asked.out, HasSubstr("labels: class folder i of 3, sorted by name, is class i of the model"));
  EXPECT_THAT(asked.err, ::testing::Not(HasSubstr("no class names")));
  test::write_model(model_, test::small_config(3), 1);
  const Outcome nameless = evaluate({"--json"});
  EXPECT_EQ(nameless.status, 0);
  EXPECT_THAT(nameless.err, HasSubstr("warning: the model has no class names: class folder i of 3"));
  EXPECT_EQ(nlohmann::json::parse(nameless.out).at("label_rule"), "position");
}

TEST_F(EvaluateCommand, FewerFoldersNamedAsClassesAreEnough) {
  fs::remove_all(data_ / "val/cat");
  fs::remove_all(data_ / "val/ant");
  test::write_png(data_ / "val/bee/extra.png", 60, 60, 77);
  EXPECT_EQ(evaluate().status, 0);
}

TEST_F(EvaluateCommand, ChanceLevelIsSaid) {
  for (unsigned i = 0; i < 60; ++i) {
    const char* names[] = {"ant", "bee", "cat"};
    test::write_png(data_ / "val" / names[i % 3] / ("same" + std::to_string(i) + ".png"), 50, 50, 5);
  }
  for (const fs::path& file : placed_) fs::remove(file);
  const Outcome outcome = evaluate();
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.err, HasSubstr("acc@1 is at chance level (1 of 3 classes)"));
}

TEST_F(EvaluateCommand, MissingAndEmptyDataAreErrors) {
  for (const fs::path& folder : {scratch_.folder() / "missing", scratch_.folder() / "pool"}) {
    const Outcome outcome = run_smlp({"evaluate", "--model", model_, "--data", folder});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(lines_of(outcome.err), SizeIs(1));
    EXPECT_THAT(outcome.err, StartsWith("smlp: error: " + folder.string()));
  }
  const Outcome none = run_smlp({"evaluate"});
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, HasSubstr("--data is required"));
}

}  // namespace
}  // namespace smlp::test
