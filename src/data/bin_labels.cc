#include "data/bin_labels.h"

#include <algorithm>
#include <optional>

#include "base/json.h"
#include "base/open_file.h"
#include "data/bin_folder.h"
#include "data/label_map.h"
#include "data/labels.h"
#include "data/preprocess_journal.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kMaxBytes = std::uint64_t{4} << 30;

BinLabels unknown(std::string why) { return {.source = {}, .missing = std::move(why), .of_batch = {}}; }

struct ManifestRow {
  std::int64_t label;
  std::string sha256;
};

struct Manifest {
  std::map<std::uint64_t, std::vector<ManifestRow>> rows;  // by bin
  std::map<std::int64_t, std::string> folder_of_label;
};

Result<Manifest> read_manifest(const fs::path& path) {
  SMLP_TRY(text, read_text(path, kMaxBytes));
  Manifest manifest;
  std::string_view rest = text;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    try {
      const auto parsed = parse_json(rest.substr(0, end));
      if (!parsed) throw json::other_error::create(501, parsed.error().what, nullptr);
      const json& line = *parsed;
      auto& rows = manifest.rows[exact<std::uint64_t>(line.at("batch"))];
      if (line.at("index") != rows.size()) throw json::other_error::create(501, "a picture is missing", nullptr);
      rows.push_back({exact<std::int64_t>(line.at("label")), line.at("sha256")});
      const std::string folder = line.at("class");
      if (manifest.folder_of_label.emplace(rows.back().label, folder).first->second != folder) {
        throw json::other_error::create(501, "a label of two class folders", nullptr);
      }
    } catch (const json::exception& error) {
      return fail(Error{.what = fmt::format("line {}: {}", number, json_fault(error)), .file = path.string()});
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return manifest;
}

// True where the manifest has the pictures of the journal, bin by bin.
bool agrees(const Manifest& manifest, const Journal& journal) {
  std::size_t bins = 0;
  for (std::size_t b = 0; b < journal.batches.size(); ++b) {
    const BatchRecord& batch = journal.batches[b];
    if (batch.good() == 0) continue;
    ++bins;
    const auto rows = manifest.rows.find(journal.header.first_bin + b);
    if (rows == manifest.rows.end() || rows->second.size() != batch.good()) return false;
    auto row = rows->second.begin();
    for (const PictureRecord& picture : batch.pictures) {
      if (!picture.broken() && (row++)->sha256 != picture.sha256) return false;
    }
  }
  return bins == manifest.rows.size();
}

Result<BinLabels> labels_of_journal(const fs::path& parent, const Journal& journal) {
  const fs::path path = parent / "manifest.jsonl";
  std::error_code code;
  if (!journal.complete()) return unknown("preprocess did not finish these bins");
  if (!fs::exists(path, code)) return unknown(fmt::format("{} is not there", path.string()));
  SMLP_TRY(manifest, read_manifest(path));
  if (!agrees(manifest, journal)) return unknown(fmt::format("{} is of other bins", path.string()));
  const bool numbered = std::ranges::all_of(manifest.folder_of_label,
                                            [](const auto& row) { return whole_number(row.second) == row.first; });
  BinLabels labels{.source = path.string(), .missing = {}, .of_batch = {}};
  if (!numbered) labels.folder_of_label = std::move(manifest.folder_of_label);
  for (const auto& [batch, rows] : manifest.rows) {
    for (const ManifestRow& row : rows) labels.of_batch[batch].push_back(row.label);
  }
  return labels;
}

Result<BinLabels> labels_of_table(const fs::path& folder, const fs::path& parent) {
  const fs::path path = parent / "labels.npy";
  std::error_code code;
  if (!fs::exists(path, code)) return unknown(fmt::format("{} is not there", path.string()));
  SMLP_TRY(table, read_labels(path));
  SMLP_TRY(bins, list_bins(folder));
  if (bins.size() != table.bins()) {
    return unknown(
        fmt::format("{} has labels of {} bins, {} has {}", path.string(), table.bins(), folder.string(), bins.size()));
  }
  BinLabels labels{.source = path.string(), .missing = {}, .of_batch = {}};
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (bins[i].batch != i) return unknown(fmt::format("{} lacks batch-{:05}.bin", folder.string(), i));
    auto& row = labels.of_batch[i];
    for (std::size_t j = 0; j < table.batch_size; ++j) {
      const std::int64_t label = table.labels[i * table.batch_size + j];
      if (label != kNoLabel) row.push_back(label);
    }
  }
  return labels;
}

}  // namespace

Result<BinLabels> find_bin_labels(const fs::path& folder) {
  std::error_code code;
  const fs::path real = fs::canonical(folder, code);
  if (code) return system_error("open the folder", code.value(), folder);
  SMLP_TRY(journal, read_journal(real / kPreprocessJournal));
  return journal ? labels_of_journal(real.parent_path(), *journal) : labels_of_table(real, real.parent_path());
}

}  // namespace smlp
