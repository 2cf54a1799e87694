// What `evaluate` writes beside its answer: predictions, the confusion, the journal.
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class EvaluateFiles : public ::testing::Test {
 protected:
  static constexpr int kPictures = 18;

  EvaluateFiles() {
    test::write_model(model_, test::small_config(6), 1,
                      {{"smlp.classes", R"(["ant", "bee, \"b\"", "cat", "dog", "elk", "fox"])"}});
    const char* names[] = {"ant", "cat", "fox"};
    for (unsigned i = 0; i < kPictures; ++i) {
      test::write_png(data_ / names[i / 6] / (std::to_string(i) + ".png"), 40 + static_cast<int>(i), 50, i);
    }
    scratch_.write("data/cat/7broken.png", "no picture");
  }

  Outcome evaluate(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"evaluate", data_, "--model", model_});
    return run_smlp(arguments);
  }

  test::Scratch scratch_;
  fs::path model_ = scratch_.folder() / "m.safetensors", data_ = scratch_.folder() / "data";
  fs::path jsonl_ = scratch_.folder() / "p.jsonl", csv_ = scratch_.folder() / "p.csv",
           confusion_ = scratch_.folder() / "c.csv";
};

// What `classify` says of the same pictures.
TEST_F(EvaluateFiles, PredictionsAreThoseOfClassify) {
  const Outcome outcome = evaluate({"--predictions", jsonl_, "--json"});
  EXPECT_EQ(outcome.status, 1) << "a picture could not be read";
  const nlohmann::json summary = nlohmann::json::parse(outcome.out);
  const auto lines = lines_of(content_of(jsonl_));
  ASSERT_THAT(lines, SizeIs(kPictures + 1));
  int right1 = 0, right5 = 0, failed = 0;
  for (const std::string& line : lines) {
    const nlohmann::json got = nlohmann::json::parse(line);
    EXPECT_EQ(got.at("class"), fs::path(got.at("file").get<std::string>()).parent_path().filename().string());
    EXPECT_EQ(got.at("provenance"), summary.at("provenance"));
    if (!got.at("error").is_null()) {
      ++failed;
      EXPECT_THAT(got.at("file").get<std::string>(), HasSubstr("7broken.png"));
      EXPECT_TRUE(got.at("rank").is_null());
      EXPECT_THAT(got.at("top"), IsEmpty());
      continue;
    }
    const nlohmann::json wanted =
        nlohmann::json::parse(run_smlp({"classify", "--json", "--model", model_, got.at("file")}).out);
    EXPECT_EQ(got.at("top"), wanted.at("top"));
    right1 += got.at("rank") == 0;
    right5 += got.at("rank") < 5;
    EXPECT_EQ(got.at("rank") == 0, got.at("top")[0].at("index") == got.at("label"));
  }
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(summary.at("right1"), right1);
  EXPECT_EQ(summary.at("right5"), right5);
}

TEST_F(EvaluateFiles, CsvAndConfusionSayTheSame) {
  ASSERT_EQ(evaluate({"--predictions", jsonl_, "--confusion", confusion_}).status, 1);
  ASSERT_EQ(evaluate({"--predictions", csv_}).status, 1);
  const auto rows = lines_of(content_of(csv_)), lines = lines_of(content_of(jsonl_));
  ASSERT_EQ(rows.size(), lines.size() + 1);
  EXPECT_THAT(rows[0], StartsWith("file,label,class,rank,index1,class1,probability1,"));
  std::map<std::pair<int, int>, int> counts;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const nlohmann::json wanted = nlohmann::json::parse(lines[i]);
    EXPECT_THAT(rows[i + 1], StartsWith(wanted.at("file").get<std::string>() + ","));
    if (wanted.at("error").is_null()) ++counts[{wanted.at("label"), wanted.at("top")[0].at("index")}];
  }
  const auto matrix = lines_of(content_of(confusion_));
  ASSERT_THAT(matrix, SizeIs(7));
  EXPECT_EQ(matrix[0], "label\\answer,ant,\"bee, \"\"b\"\"\",cat,dog,elk,fox");
  for (int label = 0; label < 6; ++label) {
    std::string row;
    for (int answer = 0; answer < 6; ++answer) row += "," + std::to_string(counts[{label, answer}]);
    EXPECT_TRUE(matrix[static_cast<std::size_t>(label) + 1].ends_with(row))
        << matrix[static_cast<std::size_t>(label) + 1];
  }
}

TEST_F(EvaluateFiles, AnInterruptedRunGoesOnToTheSameBytes) {
  const std::vector<std::string> command = {"--predictions", jsonl_, "--confusion", confusion_, "--resume"};
  ASSERT_EQ(evaluate(command).status, 1);
  const std::string predictions = content_of(jsonl_), confusion = content_of(confusion_);
  const fs::path journal = scratch_.folder() / ".p.jsonl.smlp-journal";
  const std::uintmax_t bytes = fs::file_size(journal);
  for (const std::uintmax_t cut : {bytes - 1, bytes / 2, bytes / 3}) {
    fs::resize_file(journal, cut);
    fs::remove(jsonl_);
    const Outcome again = evaluate(command);
    EXPECT_EQ(again.status, 1);
    EXPECT_THAT(again.out, HasSubstr("of an earlier run"));
    EXPECT_EQ(content_of(jsonl_), predictions);
    EXPECT_EQ(content_of(confusion_), confusion);
  }
  EXPECT_EQ(evaluate(command).status, 1) << "nothing to do is no error";

  // A journal that somebody wrote by hand counts as far as a network can have given it.
  const std::string whole = content_of(journal);
  for (const auto& [field, value] : std::vector<std::pair<std::string, std::string>>{{"answer", "2000000000"},
                                                                                     {"answer", "-1"},
                                                                                     {"answer", "6"},
                                                                                     {"rank", "-1"},
                                                                                     {"rank", "1000000000"},
                                                                                     {"top", "[[99,0.5]]"}}) {
    SCOPED_TRACE(field + " " + value);
    const std::size_t line = whole.find("{\"rank\"", whole.find('\n'));
    const std::size_t from = whole.find("\"" + field + "\":", line) + field.size() + 3;
    const std::size_t to = whole.find(field == "top" ? ",\"ns\"" : ",", from);
    scratch_.write(journal.filename(), std::string(whole).replace(from, to - from, value));
    EXPECT_EQ(evaluate(command).status, 1);
    EXPECT_EQ(content_of(jsonl_), predictions);
    EXPECT_EQ(content_of(confusion_), confusion);
  }

  // What the user wrote there, another model, other pictures: refused, and nothing is lost.
  scratch_.write("p.jsonl", "my notes");
  EXPECT_THAT(evaluate(command).err, HasSubstr("is not what this run writes"));
  fs::remove(jsonl_);
  EXPECT_THAT(evaluate({"--predictions", jsonl_}).err, HasSubstr("--resume"));
  EXPECT_THAT(evaluate({"--predictions", jsonl_, "--resume", "--labels", "name", "--crop-pct", "0.5"}).err,
              HasSubstr("differs in preprocessing"));
  fs::last_write_time(data_ / "cat/8.png", fs::file_time_type::clock::now());
  EXPECT_THAT(evaluate(command).err, HasSubstr("differs in inputs"));
}

TEST_F(EvaluateFiles, ForceReplacesOnlyFilesOfEvaluate) {
  ASSERT_EQ(evaluate({"--predictions", jsonl_, "--confusion", confusion_}).status, 1);
  EXPECT_THAT(evaluate({"--predictions", jsonl_}).err, HasSubstr("exists already"));
  ASSERT_EQ(evaluate({"--predictions", jsonl_, "--confusion", confusion_, "--force"}).status, 1);
  for (const char* name : {"p.jsonl", "p.csv", "c.csv", ".p.csv.smlp-journal"}) {
    const fs::path path = scratch_.write(name, "year,sum\n2024,17\n");
    const bool is_confusion = path == confusion_;
    const bool is_journal = name[0] == '.';
    const Outcome outcome =
        evaluate({is_confusion ? "--confusion" : "--predictions", is_journal ? csv_ : path, "--force"});
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(lines_of(outcome.err), SizeIs(1)) << outcome.err;
    EXPECT_EQ(content_of(path), "year,sum\n2024,17\n") << name;
    fs::remove(path);
  }
  // What preprocess and classify write begins alike.
  for (const std::string line : {R"({"file":"a.jpg","label":1,"class":"n1","sha256":"00","batch":0,"index":0})",
                                 R"({"file":"a.jpg","top":[{"index":1,"label":"a","probability":1.0}]})",
                                 R"({"file":"a.jpg","label":1,"class":"rank","top":[],"note":"mine"})"}) {
    scratch_.write("p.jsonl", line + "\n");
    EXPECT_THAT(evaluate({"--predictions", jsonl_, "--force"}).err, HasSubstr("is not predictions of smlp"));
    EXPECT_EQ(content_of(jsonl_), line + "\n");
  }
}

TEST_F(EvaluateFiles, NamesAndFlagsThatMeanNothingAreRefused) {
  EXPECT_THAT(evaluate({"--predictions", scratch_.folder() / "p.xml"}).err, HasSubstr(".jsonl or .csv"));
  EXPECT_THAT(evaluate({"--confusion", scratch_.folder() / "c.json"}).err,
              HasSubstr("confusion matrices are written as .csv"));
  EXPECT_EQ(evaluate({"--resume"}).status, 2);
  EXPECT_EQ(evaluate({"--force"}).status, 2);
  const Outcome nowhere = evaluate({"--predictions", scratch_.folder() / "none" / "p.csv"});
  EXPECT_EQ(nowhere.status, 1);
  EXPECT_THAT(lines_of(nowhere.err), SizeIs(1)) << "before any picture is read";
}

// One file, however it is spelt, and although it is not there yet.
TEST_F(EvaluateFiles, NoFileIsToHoldTwoThings) {
  fs::create_directories(scratch_.folder() / "sub");
  fs::create_directory_symlink(scratch_.folder(), scratch_.folder() / "link");
  const std::string run = "cd " + scratch_.folder().string() + " && $SMLP evaluate data --model m.safetensors";
  const char* same[] = {"c.csv", "./c.csv", "sub/../c.csv", "link/c.csv", "link/link/c.csv", "$PWD/c.csv"};
  for (const char* one : same) {
    for (const char* other : same) {
      for (const char* second : {" --confusion ", " --journal "}) {
        const Outcome outcome = run_shell(run + " --predictions " + one + second + other);
        EXPECT_EQ(outcome.status, 1);
        EXPECT_THAT(outcome.err, HasSubstr("is to hold two of predictions, confusion matrix and journal"))
            << one << second << other;
        EXPECT_FALSE(fs::exists(scratch_.folder() / "c.csv"));
      }
    }
  }
}

}  // namespace
}  // namespace smlp::test
