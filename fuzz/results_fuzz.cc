// Results of a run, as another program may have left them, and scored: logits in each format, the names of a packed
// array's rows, the summary of a run. The first byte chooses.
#include "data/labels.h"
#include "data/result_folder.h"
#include "folder_of.h"
#include "tasks/score_results.h"

namespace {

using namespace smlp;

void require(bool condition) {
  if (!condition) std::abort();
}

// Two pictures of two classes.
std::string two_pictures() {
  constexpr float kLogits[] = {1, 0, 0, 1};
  return result_bytes(ResultFormat::npy, kLogits, 2);
}

void score(const ScoreOptions& options) {
  const auto counted = score_results(options);
  if (!counted) return require(!counted.error().what.empty());
  require(counted->right1 <= counted->right5 && counted->right5 <= counted->pictures && counted->classes > 0);
}

// One result in one of the formats, which are told by the file's name.
void read_logits_of(std::string_view text, ResultFormat format, int rows, int classes) {
  static const FolderOf folder;
  const std::string name = result_name("a", format);
  folder.put(name, text);
  const auto logits =
      read_logits({.path = folder.path() / name, .stem = "a", .number = {}, .format = format}, rows, classes);
  if (!logits) return;
  require(logits->rows > 0 && logits->classes > 0);
  require(logits->values.size() == static_cast<std::size_t>(logits->rows) * static_cast<std::size_t>(logits->classes));
}

// Two pictures in a packed array, whose rows the text names.
void score_packed_of(std::string_view text) {
  static const FolderOf folder;
  static const bool made = [] {
    folder.put(kPackedResult, two_pictures());
    folder.put("pictures/a/x.jpg", "");
    folder.put("pictures/b/y.jpg", "");
    return true;
  }();
  require(made);
  folder.put(kPackedNames, text);
  score({.results = folder.path(), .n = {}, .labels = {}, .data_root = folder.path() / "pictures"});
}

// Results whose inputs a summary names; in it, @ is the folder, where the labels of one bin are.
void score_summary_of(std::string_view text) {
  static const FolderOf folder;
  static const bool made = [] {
    folder.put("run/batch-00000_0.npy", two_pictures());
    folder.put("labels.npy", labels_bytes({.batch_size = 2, .labels = {0, 1}}));
    return true;
  }();
  require(made);
  std::string summary;
  for (const char c : text) summary += c == '@' ? folder.path().string() : std::string(1, c);
  folder.put("run_summary.json", summary);
  score({.results = folder.path() / "run", .n = {}, .labels = {}, .data_root = {}});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 3), size - 3);
  const int rows = data[1] % 4, classes = data[2] % 8;
  switch (data[0] % 5) {
    case 0:
      read_logits_of(text, ResultFormat::npy, rows, classes);
      break;
    case 1:
      read_logits_of(text, ResultFormat::bin, rows, classes);
      break;
    case 2:
      read_logits_of(text, ResultFormat::txt, rows, classes);
      break;
    case 3:
      score_packed_of(text);
      break;
    default:
      score_summary_of(text);
  }
  return 0;
}
