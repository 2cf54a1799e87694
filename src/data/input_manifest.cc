#include "data/input_manifest.h"

#include <set>

#include "base/json.h"
#include "base/open_file.h"
#include "data/tally.h"

namespace smlp {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30;
constexpr int kMostRows = 1 << 24;  // of one input: more pictures than any memory holds

std::string line_of(const ordered_json& value) { return dump_json(value) + "\n"; }

// Throws json::exception on anything unexpected.
InputManifest parse(std::string_view text) {
  InputManifest manifest;
  std::set<std::string> stems;
  bool first = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const auto parsed = parse_json(text.substr(0, end));
    if (!parsed) throw json::other_error::create(501, parsed.error().what, nullptr);
    const json& line = *parsed;
    text.remove_prefix(std::min(end + 1, text.size()));
    if (first) {
      if (line.at("smlp_inputs") != 1) throw json::other_error::create(501, "another version", nullptr);
      manifest.truth = line.at("truth");
      manifest.missing = line.value("missing", "");
      manifest.classes = {.names = line.value("classes", std::vector<std::string>()),
                          .wnids = line.value("wnids", std::vector<std::string>())};
      first = false;
      continue;
    }
    InputRecord input{
        .file = line.at("file"), .stem = line.at("stem"), .rows = exact_within(line.at("rows"), 1, kMostRows)};
    if (!stems.insert(input.stem).second) throw json::other_error::create(501, "a result named twice", nullptr);
    if (line.contains("labels")) {
      for (const json& label : line.at("labels"))
        input.labels.push_back(exact_within<std::int64_t>(label, 0, kMostClasses - 1));
    }
    const bool whole = input.labels.empty() ? manifest.truth.empty() : std::ssize(input.labels) == input.rows;
    if (!whole) throw json::other_error::create(501, "labels that do not fit", nullptr);
    manifest.inputs.push_back(std::move(input));
  }
  if (first) throw json::other_error::create(501, "it is empty", nullptr);
  return manifest;
}

}  // namespace

std::string input_manifest_text(const InputManifest& manifest) {
  ordered_json header = {{"smlp_inputs", 1}, {"truth", manifest.truth}};
  if (!manifest.missing.empty()) header["missing"] = manifest.missing;
  if (!manifest.classes.names.empty()) header["classes"] = manifest.classes.names;
  if (!manifest.classes.wnids.empty()) header["wnids"] = manifest.classes.wnids;
  std::string text = line_of(header);
  for (const InputRecord& input : manifest.inputs) {
    ordered_json line = {{"file", input.file}, {"stem", input.stem}, {"rows", input.rows}};
    if (!input.labels.empty()) line["labels"] = input.labels;
    text += line_of(line);
  }
  return text;
}

Result<std::optional<InputManifest>> read_input_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kInputManifest;
  if (!name_is_taken(path)) return std::nullopt;
  SMLP_TRY(text, read_text(path, kMaxBytes));
  try {
    return parse(text);
  } catch (const json::exception& error) {
    return fail(Error{.what = fmt::format("damaged list of a run's inputs: {}", json_fault(error)),
                      .file = path.string(),
                      .remedy = "give --labels or --data_root"});
  }
}

}  // namespace smlp
