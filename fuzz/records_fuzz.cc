// What earlier runs left behind, as somebody else may have left it: the journal of a preprocessing run, the identity of
// an inference run, a measurement. The first byte chooses.
#include "data/preprocess_journal.h"
#include "data/run_record.h"
#include "file_of.h"
#include "tasks/benchmark.h"

namespace {

namespace fs = std::filesystem;

// A folder in which the record of a run leads to the file.
void read_record_of(const smlp::FileOf& file) {
  static const fs::path folder = [] {
    std::string pattern = (fs::temp_directory_path() / "smlp-fuzz-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    return fs::path(pattern);
  }();
  const fs::path link = folder / smlp::kRunRecord;
  std::error_code ignored;
  fs::remove(link, ignored);
  fs::create_symlink(file.path(), link);
  static_cast<void>(smlp::read_run_record(folder));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const smlp::FileOf file(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      if (const auto journal = smlp::read_journal(file.path()); journal && *journal) {
        if ((*journal)->batches.size() != (*journal)->ends.size()) std::abort();
        static_cast<void>((*journal)->complete());
      }
      break;
    case 1:
      read_record_of(file);
      break;
    default:
      static_cast<void>(smlp::read_benchmark_json(file.path()));
  }
  return 0;
}
