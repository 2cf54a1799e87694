// What earlier runs left behind, as somebody else may have left it: the journal of a preprocessing run, its manifest,
// the record and the inputs of an inference run, a measurement. The first byte chooses.
#include "data/bin_labels.h"
#include "data/input_manifest.h"
#include "data/preprocess_journal.h"
#include "data/run_record.h"
#include "folder_of.h"
#include "tasks/benchmark.h"

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
  switch (data[0] % 5) {
    case 0:
      read_journal_of(folder, text);
      break;
    case 1:
      read_record_of(folder, text);
      break;
    case 2:
      folder.put("measurement", text);
      static_cast<void>(read_benchmark_json(folder.path() / "measurement"));
      break;
    case 3:
      read_inputs_of(folder, text);
      break;
    default:
      read_bin_labels_of(folder, text);
  }
  return 0;
}
