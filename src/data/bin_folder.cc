#include "data/bin_folder.h"

#include <algorithm>
#include <charconv>

#include "base/atomic_file.h"
#include "base/folder.h"

namespace smlp {

namespace fs = std::filesystem;

std::string bin_name(std::uint64_t batch) { return fmt::format("batch-{:05}.bin", batch); }

std::optional<std::uint64_t> batch_number(std::string_view filename) {
  constexpr std::string_view prefix = "batch-";
  if (!filename.starts_with(prefix)) return std::nullopt;
  filename.remove_prefix(prefix.size());
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(filename.data(), filename.data() + filename.size(), number);
  if (code != std::errc()) return std::nullopt;
  if (end != filename.data() + filename.size() && *end != '.' && *end != '_') return std::nullopt;
  return number;
}

Result<std::vector<Bin>> list_bins(const fs::path& folder) {
  std::vector<Bin> bins;
  SMLP_TRY(entries, folder_entries(folder));
  for (const FolderEntry& entry : entries) {
    const auto number = batch_number(entry.name());
    if (number && entry.path.extension() == ".bin") bins.push_back({*number, entry.path});
  }
  std::ranges::sort(bins, {}, &Bin::batch);
  return bins;
}

}  // namespace smlp
