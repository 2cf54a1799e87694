// What earlier runs left behind, as somebody else may have left it: the journal of a preprocessing run, its manifest,
// the record and the inputs of an inference run, a measurement, the journal of an evaluation. The first byte chooses.
// What is accepted is used as the commands use it: results are scored, parts are read, outcomes are counted.
#include <map>

#include "base/sha256.h"
#include "data/bin_labels.h"
#include "data/evaluation_journal.h"
#include "data/input_manifest.h"
#include "data/preprocess_journal.h"
#include "data/run_record.h"
#include "folder_of.h"
#include "tasks/benchmark.h"
#include "tasks/evaluation_files.h"
#include "tasks/provenance.h"
#include "tasks/run_part.h"
#include "tasks/score_results.h"

namespace {

using namespace smlp;

void require(bool condition) {
  if (!condition) std::abort();
}

void read_journal_of(const FolderOf& folder, std::string_view text) {
  folder.put("journal", text);
  const auto journal = read_journal(folder.path() / "journal");
  if (!journal || !*journal) return;
  require((*journal)->batches.size() == (*journal)->ends.size());
  require((*journal)->whole_end <= text.size());
  static_cast<void>((*journal)->complete());
}

void read_record_of(const FolderOf& folder, std::string_view text) {
  folder.put(kRunRecord, text);
  const auto record = read_run_record(folder.path());
  if (!record || !*record) return;
  require((*record)->lines.end <= text.size());
  for (const auto& [name, versions] : (*record)->files) require(!versions.empty());
  for (const RecordedRows& input : (*record)->rows) require(input.rows >= 0);
  require(differences((*record)->identity, (*record)->identity).empty());
  require((*record)->identity.classes > 0);
}

constexpr const char* kSummary = "run_summary.json";  // beside the folder

// A run of one input of two pictures, as infer leaves it: its files, of which a text of the fuzzer's takes the place of
// one.
std::map<std::string, std::string> whole_run() {
  const std::string result = "1 2 3\n3 2 1\n";
  const std::string record =
      R"({"smlp_run":1,"identity":{"program":"1","model_sha256":"","precision":"fp32","isa":"avx2","preprocess":"",)"
      R"("inputs_sha256":"","labels":"","shard":"","format":".txt","packed":false,"classes":3},"provenance":)" +
      provenance_text({}) + "}\n" +
      fmt::format(R"({{"file":"a_0.txt","bytes":{},"sha256":"{}"}})", result.size(),
                  sha256_of(std::as_bytes(std::span(result)))) +
      "\n{\"finished\":true}\n";
  return {{"run/a_0.txt", result},
          {fmt::format("run/{}", kRunRecord), record},
          {fmt::format("run/{}", kInputManifest),
           "{\"smlp_inputs\":1,\"truth\":\"t\"}\n{\"file\":\"a.bin\",\"stem\":\"a\",\"rows\":2,\"labels\":[1,0]}\n"},
          {kSummary, R"({"npu_compute_time_list":[1.5],"smlp":{"h2d_list":[0.5],"d2h_list":[0.5],)"
                     R"("executed_pictures":[2],"wall_clock":{"seconds":1,"pictures":2},)"
                     R"("inputs_broken":0,"inputs_resumed":0,"batch":2,"loop":1}})"}};
}

// The run as it lies there is scored and read as a part of a merge. True where both go to their end.
bool use_run_of(const FolderOf& folder) {
  const auto score = score_results({.results = folder.path() / "run", .n = {}, .labels = {}, .data_root = {}});
  require(!score || (score->right1 <= score->right5 && score->right5 <= score->pictures));
  const auto part = read_run_part(folder.path() / "run");
  if (!part) return false;
  const auto reader = RunPartReader::open(*part);
  bool whole = score && reader;
  for (std::size_t i = 0; reader && i < part->inputs.inputs.size(); ++i) {
    const auto logits = reader->read(i);
    require(!logits || logits->size() % static_cast<std::size_t>(part->record.identity.classes) == 0);
    whole = whole && logits;
  }
  return whole;
}

void use_run_with(const FolderOf& folder, const std::string& name, std::string_view text) {
  static const auto files = whole_run();
  static const bool usable = [&] {
    for (const auto& [file, content] : files) folder.put(file, content);
    return use_run_of(folder);
  }();
  require(usable);
  for (const auto& [file, content] : files) folder.put(file, file == name ? text : content);
  use_run_of(folder);
}

// Of four pictures and three classes, as evaluate goes on with it.
void count_evaluation_of(const FolderOf& folder, std::string_view text) {
  constexpr int kLabels[] = {0, 1, 2, 0};
  folder.put("evaluation", text);
  Tally tally(3);
  static_cast<void>(
      read_evaluation_journal(folder.path() / "evaluation", [&](std::size_t index, const PictureOutcome& outcome) {
        if (index >= std::size(kLabels) || !is_possible(outcome, kLabels[index], tally.classes())) return false;
        tally.add(kLabels[index], outcome.standing);
        return true;
      }));
  require(tally.right1() <= tally.right5() && tally.right5() <= tally.images());
  static_cast<void>(confusion_csv(tally, {.names = {"a", "b", "c"}}));
}

// An accepted list of inputs is written and read again as it was.
void read_inputs_of(const FolderOf& folder, std::string_view text) {
  folder.put(kInputManifest, text);
  const auto manifest = read_input_manifest(folder.path());
  if (!manifest || !*manifest) return;
  for (const InputRecord& input : (*manifest)->inputs) {
    require(input.rows > 0 && (input.labels.empty() || std::ssize(input.labels) == input.rows));
  }
  const std::string written = input_manifest_text(**manifest);
  folder.put(kInputManifest, written);
  const auto again = read_input_manifest(folder.path());
  require(again && *again && input_manifest_text(**again) == written);
}

// The journal of two bins, of which the first holds two pictures, and a manifest beside their folder.
void read_bin_labels_of(const FolderOf& folder, std::string_view text) {
  static const bool made = [&] {
    folder.put("bins/.smlp-preprocess.jsonl",
               R"({"smlp_preprocess":2,"batch_size":2,"pictures":3,"listing_sha256":"a","resize":18,"crop":16,)"
               R"("interpolation":"bicubic","mean":[0,0,0],"std":[1,1,1]})"
               "\n"
               R"({"bin":[8,1],"pictures":[[1,1,"a"],[1,1,"b"]]})"
               "\n"
               R"({"bin":[4,1],"pictures":[[1,1,"c"]]})"
               "\n");
    return true;
  }();
  require(made);
  folder.put("manifest.jsonl", text);
  const auto labels = find_bin_labels(folder.path() / "bins");
  if (!labels || labels->source.empty()) return;
  require(labels->of_batch.size() == 2 && labels->of_batch.at(0).size() == 2 && labels->of_batch.at(1).size() == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FolderOf folder;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 7) {
    case 0:
      read_journal_of(folder, text);
      break;
    case 1:
      read_record_of(folder, text);
      use_run_with(folder, fmt::format("run/{}", kRunRecord), text);
      break;
    case 2:
      folder.put("measurement", text);
      static_cast<void>(read_benchmark_json(folder.path() / "measurement"));
      break;
    case 3:
      read_inputs_of(folder, text);
      use_run_with(folder, fmt::format("run/{}", kInputManifest), text);
      break;
    case 4:
      read_bin_labels_of(folder, text);
      break;
    case 5:
      count_evaluation_of(folder, text);
      break;
    default:
      use_run_with(folder, kSummary, text);
  }
  return 0;
}
