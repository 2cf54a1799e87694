// infer and preprocess in parts, and the parts joined: what lies on disk must be what an undivided run leaves.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "support/model_file.h"
#include "support/png_file.h"
#include "support/scratch.h"

namespace smlp::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Everything below a folder but the record, which has times of its own.
std::map<std::string, std::string> tree(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    if (entry.is_regular_file() && name != ".smlp-run.jsonl") files[name] = content_of(entry.path());
  }
  return files;
}

class MergeRuns : public ::testing::Test {
 protected:
  static constexpr int kPictures = 23;

  MergeRuns() {
    test::write_model(model_, test::small_config(4), 1, {{"smlp.classes", R"(["ant", "bee", "cat", "dog"])"}});
    const char* names[] = {"ant", "bee", "cat", "dog"};
    for (unsigned i = 0; i < kPictures; ++i) {
      test::write_png(data_ / names[i % 4] / (std::to_string(i) + ".png"), 40 + static_cast<int>(i), 50, i);
    }
    preprocess("whole", "1/1");
  }

  Outcome preprocess(const std::string& name, const std::string& shard) {
    const Outcome outcome = run_smlp(
        {"preprocess", data_, folder_ / name / "bins", "--batch", "2", "--model", model_, "--shard", shard, "--json"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome;
  }

  std::string infer(const std::string& name, std::vector<std::string> more) {
    more.insert(more.begin(), {"infer", folder_ / "whole/bins", folder_ / "runs", "--model", model_, "--batch", "2",
                               "--output-dirname", name});
    const Outcome outcome = run_smlp(more);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return folder_ / "runs" / name;
  }

  std::vector<std::string> parts(const std::string& name, int count, const std::vector<std::string>& more = {}) {
    std::vector<std::string> folders;
    for (int k = count; k >= 1; --k) {
      std::vector<std::string> arguments = more;
      arguments.insert(arguments.end(), {"--shard", std::to_string(k) + "/" + std::to_string(count)});
      folders.push_back(infer(name + std::to_string(k), arguments));
    }
    return folders;
  }

  Outcome merge(std::vector<std::string> arguments, const std::string& name,
                const std::vector<std::string>& more = {}) {
    arguments.insert(arguments.begin(), "merge");
    arguments.insert(arguments.end(), {"--output", folder_ / "merged", "--output-dirname", name});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_smlp(arguments);
  }

  test::Scratch scratch_;
  fs::path folder_ = scratch_.folder(), model_ = folder_ / "m.safetensors", data_ = folder_ / "data";
};

TEST_F(MergeRuns, PartsOfPreprocessAreTheWhole) {
  std::map<std::string, std::string> bins;
  std::string manifest;
  for (int k = 1; k <= 5; ++k) {
    const std::string name = "part" + std::to_string(k);
    const nlohmann::json report = nlohmann::json::parse(preprocess(name, std::to_string(k) + "/5").out);
    EXPECT_EQ(report.at("shard").at("listed"), kPictures);
    EXPECT_EQ(
        report.at("provenance").at("preprocess"),
        nlohmann::json::parse(content_of(folder_ / "whole/bins/.smlp-preprocess.jsonl")
                                  .substr(0, content_of(folder_ / "whole/bins/.smlp-preprocess.jsonl").find('\n')))
            .at("provenance")
            .at("preprocess"));
    for (const auto& [file, bytes] : tree(folder_ / name / "bins")) {
      if (!file.ends_with(".bin")) continue;
      EXPECT_TRUE(bins.emplace(file, bytes).second) << file;
    }
    manifest += content_of(folder_ / name / "manifest.jsonl");
  }
  std::map<std::string, std::string> whole = tree(folder_ / "whole/bins");
  std::erase_if(whole, [](const auto& file) { return !file.first.ends_with(".bin"); });
  EXPECT_EQ(whole.size(), 12U);
  EXPECT_EQ(bins, whole);
  EXPECT_EQ(manifest, content_of(folder_ / "whole/manifest.jsonl"));

  // Bins of all parts are inputs of one run, with their labels.
  std::string inputs;
  for (int k = 1; k <= 5; ++k)
    inputs += (k > 1 ? "," : "") + (folder_ / ("part" + std::to_string(k)) / "bins").string();
  ASSERT_EQ(run_smlp({"infer", inputs, folder_ / "runs", "--model", model_, "--batch", "2", "--output-dirname", "all"})
                .status,
            0);
  const std::string accuracy = run_smlp({"postprocess", infer("one", {})}).out;
  EXPECT_EQ(lines_of(run_smlp({"postprocess", folder_ / "runs/all"}).out)[0], lines_of(accuracy)[0]);

  // Another part in the same place is refused, the same one goes on.
  EXPECT_THAT(run_smlp({"preprocess", data_, folder_ / "part1/bins", "--batch", "2", "--model", model_}).err,
              HasSubstr("as part 1/5, this one is to make the whole"));
  EXPECT_EQ(nlohmann::json::parse(preprocess("part1", "1/5").out).at("resumed"), 6);
}

TEST_F(MergeRuns, TheJoinedFolderIsThatOfTheUndividedRun) {
  const std::vector<std::vector<std::string>> formats = {{}, {"--format", "BIN"}, {"--format", "TXT"}, {"--packed"}};
  for (std::size_t i = 0; i < formats.size(); ++i) {
    const std::string name = "run" + std::to_string(i);
    const fs::path whole = infer(name, formats[i]);
    const auto folders = parts(name + "-", 5, formats[i]);
    const auto before = tree(folder_ / "runs");
    const Outcome merged = merge(folders, name, {"--json"});
    ASSERT_EQ(merged.status, 0) << merged.err;
    EXPECT_EQ(tree(folder_ / "merged" / name), tree(whole)) << name;
    EXPECT_EQ(tree(folder_ / "runs"), before) << "the parts stay as they are";

    const nlohmann::json report = nlohmann::json::parse(merged.out);
    EXPECT_EQ(report.at("wall_clock").at("pictures"), kPictures);
    const nlohmann::json summary = nlohmann::json::parse(content_of(folder_ / "merged" / (name + "_summary.json")));
    EXPECT_EQ(summary.at("filesinfo").size(), 12U);
    EXPECT_EQ(summary.at("npu_compute_time_list").size(), summary.at("smlp").at("executed_pictures").size());
    EXPECT_EQ(
        summary.at("smlp").at("provenance"),
        nlohmann::json::parse(content_of(folder_ / "runs" / (name + "_summary.json"))).at("smlp").at("provenance"));
    const std::string scored = run_smlp({"postprocess", folder_ / "merged" / name}).out;
    EXPECT_THAT(scored, HasSubstr("23 pictures"));
    EXPECT_EQ(scored, run_smlp({"postprocess", whole}).out);

    // It is the folder of that run: infer itself finds nothing to do in it.
    std::vector<std::string> again = {"infer",
                                      folder_ / "whole/bins",
                                      folder_ / "merged",
                                      "--model",
                                      model_,
                                      "--batch",
                                      "2",
                                      "--output-dirname",
                                      name,
                                      "--resume",
                                      "--json"};
    again.insert(again.end(), formats[i].begin(), formats[i].end());
    const Outcome resumed = run_smlp(again);
    ASSERT_EQ(resumed.status, 0) << resumed.err;
    EXPECT_EQ(nlohmann::json::parse(resumed.out).at("inputs_resumed"), 12);
  }
}

TEST_F(MergeRuns, AnInterruptedMergeGoesOnAndAUsersFolderIsLeftAlone) {
  const auto folders = parts("p", 3);
  ASSERT_EQ(merge(folders, "m").status, 0);
  const auto whole = tree(folder_ / "merged/m");
  EXPECT_THAT(merge(folders, "m").err, HasSubstr("holds the results of an earlier run"));
  fs::remove(folder_ / "merged/m/batch-00003_0.npy");
  fs::remove(folder_ / "merged/m_summary.json");
  EXPECT_EQ(merge(folders, "m", {"--resume"}).status, 0);
  EXPECT_EQ(tree(folder_ / "merged/m"), whole);
  EXPECT_EQ(merge(folders, "m", {"--force"}).status, 0);
  EXPECT_EQ(tree(folder_ / "merged/m"), whole);

  scratch_.write("merged/mine/batch-00000_0.npy", "mine");
  for (const char* flag : {"--resume", "--force"}) {
    EXPECT_EQ(merge(folders, "mine", {flag}).status, 1);
    EXPECT_EQ(content_of(folder_ / "merged/mine/batch-00000_0.npy"), "mine");
  }
  // Into a part's own folder: nothing of a part may go.
  std::vector<std::string> arguments = {"merge", "--output", folder_ / "runs", "--output-dirname", "p1", "--force"};
  arguments.insert(arguments.end(), folders.begin(), folders.end());
  const auto before = tree(folder_ / "runs");
  EXPECT_EQ(run_smlp(arguments).status, 1);
  EXPECT_EQ(tree(folder_ / "runs"), before);
}

// Of inputs without labels the first says why, in a whole run and in its parts.
TEST_F(MergeRuns, WhyThereAreNoLabelsIsSaidOfTheFirst) {
  fs::remove(folder_ / "whole/labels.npy");
  fs::remove(folder_ / "whole/manifest.jsonl");
  const fs::path whole = infer("undivided", {});
  auto folders = parts("p", 3);
  folders[0] += "/.";  // as shells complete and scripts join it
  folders[1] += "/";
  const Outcome merged = merge(folders, "m");
  ASSERT_EQ(merged.status, 0) << merged.err;
  EXPECT_EQ(content_of(folder_ / "merged/m/.smlp-inputs.jsonl"), content_of(whole / ".smlp-inputs.jsonl"));
}

TEST_F(MergeRuns, ResumeAndForceExcludeEachOther) {
  EXPECT_EQ(merge(parts("p", 1), "m", {"--resume", "--force"}).status, 2);
}

TEST_F(MergeRuns, PartsThatDoNotBelongTogetherAreNamed) {
  auto folders = parts("p", 3);  // p3, p2, p1
  const std::string p3 = folders[0], p2 = folders[1], p1 = folders[2];
  EXPECT_THAT(merge({p1, p3}, "m").err, HasSubstr("1 of 3 parts missing: 2/3"));
  EXPECT_THAT(merge({p1, p2, p3, p1}, "m").err, HasSubstr("give each part once"));
  EXPECT_THAT(merge({p1, p2, infer("bf16", {"--shard", "3/3", "--precision", "bf16"})}, "m").err,
              HasSubstr("precision (fp32, bf16)"));
  EXPECT_THAT(merge({p1, p2, infer("txt", {"--shard", "3/3", "--format", "TXT"})}, "m").err,
              HasSubstr("format (.npy, .txt)"));
  EXPECT_THAT(merge({p1, p2, folder_ / "whole/bins"}, "m").err, HasSubstr("holds no run of infer"));
  EXPECT_THAT(merge({p1, p2, model_}, "m").err, HasSubstr("not both"));
  EXPECT_EQ(merge({p1, p2, model_}, "m").status, 2);
  test::write_model(model_, test::small_config(4), 2);
  EXPECT_THAT(merge({p1, p2, infer("other", {"--shard", "3/3"})}, "m").err, HasSubstr("differ in model"));

  // A result that is gone or changed, a run that was not finished.
  const std::string result = content_of(fs::path(p2) / "batch-00005_0.npy");
  scratch_.write(fs::path(p2) / "batch-00005_0.npy", std::string(result.size(), 'x'));
  EXPECT_THAT(merge(folders, "m1").err, HasSubstr("batch-00005_0.npy: is gone, or has changed"));
  fs::remove(fs::path(p2) / "batch-00005_0.npy");
  EXPECT_THAT(merge(folders, "m1", {"--resume"}).err, HasSubstr("batch-00005_0.npy: is gone, or has changed"));
  scratch_.write(fs::path(p2) / "batch-00005_0.npy", result);
  EXPECT_EQ(merge(folders, "m1", {"--resume"}).status, 0) << "what was merged before is kept";
  std::string record = content_of(fs::path(p1) / ".smlp-run.jsonl");
  scratch_.write(fs::path(p1) / ".smlp-run.jsonl", record.substr(0, record.rfind("{\"finished\"")));
  EXPECT_THAT(merge(folders, "m2").err, HasSubstr("was not finished"));
  EXPECT_FALSE(fs::exists(folder_ / "merged/m2"));
}

// A folder that somebody else sends: what its record, its list of inputs and its summary say must fit its results, and
// nothing is written where it does not.
TEST_F(MergeRuns, RecordsThatDoNotFitTheResultsAreRefused) {
  struct Damage {
    const char* file;
    const char* from;
    const char* to;
    const char* words;
  };
  const std::vector<Damage> all = {
      {".smlp-run.jsonl", "\"classes\":4", "\"classes\":0", "a whole number from 1 to"},
      {".smlp-run.jsonl", "\"classes\":4", "\"classes\":-1", "a whole number from 1 to"},
      {".smlp-run.jsonl", "\"classes\":4", "\"classes\":2147483647", "a whole number from 1 to"},
      {".smlp-run.jsonl", "\"classes\":4", "\"classes\":3", "has 4 classes, and the record of its run 3"},
      {".smlp-inputs.jsonl", "\"stem\":\"batch-00000\"", "\"stem\":\"other\"", "inputs"},
      {".smlp-inputs.jsonl", "\"labels\":[0", "\"labels\":[-1", "damaged list of a run's inputs"},
      {"", "\"executed_pictures\":[", "\"executed_pictures\":[-5, ", "a whole number from 1 to"},
      {"", "\"executed_pictures\":[", "\"executed_pictures\":[2, ", "differ in their lengths"},
      {"", "\"npu_compute_time_list\":[", "\"npu_compute_time_list\":[-1e300, ", "a time that is none"},
      {"", "\"batch\":2", "\"batch\":0", "a whole number from 1 to"},
  };
  for (const auto& more : {std::vector<std::string>{}, {"--packed"}}) {
    const std::string name = more.empty() ? "d" : "q";
    const auto folders = parts(name, 2, more);
    for (const Damage& damage : all) {
      SCOPED_TRACE(fmt::format("{} {} {}", name, damage.file, damage.to));
      std::map<std::string, std::string> before;
      for (const std::string& folder : folders) {
        const std::string path = *damage.file != 0 ? folder + "/" + damage.file : folder + "_summary.json";
        std::string text = before[path] = content_of(path);
        const std::size_t at = text.find(damage.from);
        if (at != text.npos) scratch_.write(path, text.replace(at, std::string_view(damage.from).size(), damage.to));
      }
      const Outcome merged = merge(folders, "damaged");
      EXPECT_EQ(merged.status, 1);
      EXPECT_THAT(merged.err, HasSubstr(damage.words));
      for (const auto& [file, bytes] : fs::exists(folder_ / "merged/damaged") ? tree(folder_ / "merged/damaged")
                                                                              : std::map<std::string, std::string>()) {
        EXPECT_TRUE(file.starts_with(".")) << file << " was written";
      }
      fs::remove_all(folder_ / "merged");
      for (const auto& [path, text] : before) scratch_.write(path, text);
    }
    EXPECT_EQ(merge(folders, name).status, 0);
  }
}

// More parts than inputs: an array job is no worse for it.
TEST_F(MergeRuns, EmptyPartsAreParts) {
  for (const auto& more : {std::vector<std::string>{}, {"--packed"}}) {
    const std::string name = more.empty() ? "e" : "packed";
    const fs::path whole = infer(name, more);
    const Outcome merged = merge(parts(name, 14, more), name);
    ASSERT_EQ(merged.status, 0) << merged.err;
    EXPECT_EQ(tree(folder_ / "merged" / name), tree(whole));
  }
}

TEST_F(MergeRuns, AShardWithoutInputsMakesNoSense) {
  EXPECT_EQ(run_smlp({"infer", "--model", model_, "--shard", "1/2"}).status, 2);
  EXPECT_EQ(run_smlp({"infer", folder_ / "whole/bins", "--model", model_, "--batch", "2", "--shard", "3/2"}).status, 2);
  const Outcome none =
      run_smlp({"preprocess", data_, folder_ / "x/bins", "--batch", "16", "--model", model_, "--shard", "3/3"});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("part 3/3 has none of the 23 pictures"));
}

}  // namespace
}  // namespace smlp::test
