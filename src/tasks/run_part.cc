#include "tasks/run_part.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/json.h"
#include "base/open_file.h"
#include "base/sha256.h"
#include "tasks/run_folder.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::uint64_t kMaxSummary = std::uint64_t{64} << 20;
// What a run of a part can have counted: sums over all parts stay exact.
constexpr std::uint64_t kMostCounted = std::uint64_t{1} << 40;
constexpr int kMostAtOnce = 1 << 24;

std::unexpected<Error> part_error(const fs::path& file, std::string what, std::string remedy) {
  return fail(Error{.what = std::move(what), .file = file.string(), .remedy = std::move(remedy)});
}

// These throw json::exception on anything unexpected.
double seconds_of(const Json& value) {
  const double seconds = value.get<double>();
  if (!(seconds >= 0) || !std::isfinite(seconds)) throw Json::other_error::create(501, "a time that is none", nullptr);
  return seconds;
}

Executions executions_of(const Json& summary) {
  const Json& ours = summary.at("smlp");
  const auto times_of = [](const Json& list) {
    std::vector<double> times;
    for (const Json& time : list) times.push_back(seconds_of(time));
    return times;
  };
  Executions all = {.fill = times_of(ours.at("h2d_list")),
                    .compute = times_of(summary.at("npu_compute_time_list")),
                    .collect = times_of(ours.at("d2h_list")),
                    .pictures = {}};
  for (const Json& count : ours.at("executed_pictures")) all.pictures.push_back(exact_within(count, 1, kMostAtOnce));
  if (all.compute.size() != all.pictures.size() || all.collect.size() != all.fill.size()) {
    throw Json::other_error::create(501, "lists of times that differ in their lengths", nullptr);
  }
  return all;
}

Result<RunTimes> read_times(const fs::path& folder) {
  const fs::path path = summary_path(folder);
  SMLP_TRY(text, read_text(path, kMaxSummary));
  const auto wrong = [&](std::string_view why) {
    return part_error(path, fmt::format("is no summary of a run that can be joined: {}", why),
                      "run this part again with this version of smlp");
  };
  const auto json = parse_ordered_json(text);
  if (!json) return wrong(json.error().what);
  try {
    const Json& ours = json->at("smlp");
    const auto counted = [](const Json& count) { return exact_within<std::uint64_t>(count, 0, kMostCounted); };
    return RunTimes{.executions = executions_of(*json),
                    .wall_seconds = seconds_of(ours.at("wall_clock").at("seconds")),
                    .pictures = counted(ours.at("wall_clock").at("pictures")),
                    .broken = counted(ours.at("inputs_broken")),
                    .resumed = counted(ours.at("inputs_resumed")),
                    .batch = exact_within(ours.at("batch"), 1, kMostAtOnce),
                    .loop = exact_within(ours.at("loop"), 1, kMostAtOnce)};
  } catch (const nlohmann::json::exception& error) {
    return wrong(json_fault(error));
  }
}

Result<ResultFormat> format_of(const fs::path& folder, const std::string& extension) {
  for (const ResultFormat format : {ResultFormat::npy, ResultFormat::bin, ResultFormat::txt}) {
    if (result_extension(format) == extension) return format;
  }
  return part_error(folder, fmt::format("holds results in an unknown format '{}'", extension), "");
}

Result<Provenance> provenance_of_record(const fs::path& folder, const RunRecord& record) {
  if (auto provenance = provenance_of_text(record.provenance)) return *std::move(provenance);
  return part_error(folder / kRunRecord, "does not say where the results come from",
                    "run this part again with this version of smlp");
}

// Nothing of its rows may be unlisted, and none be there twice.
Result<std::vector<std::size_t>> rows_of(const RunPart& part, const LogitRows& packed) {
  std::vector<std::size_t> first;
  std::size_t next = 0;
  const auto& rows = part.record.rows;
  bool fits = rows.size() == part.inputs.inputs.size();
  for (std::size_t i = 0; fits && i < rows.size(); ++i) {
    first.push_back(next);
    fits =
        rows[i].stem == part.inputs.inputs[i].stem && (rows[i].rows == 0 || rows[i].rows == part.inputs.inputs[i].rows);
    next += static_cast<std::size_t>(rows[i].rows);
  }
  if (fits && next == static_cast<std::size_t>(packed.rows)) return first;
  return part_error(part.folder, "its packed results are not those of its inputs", "run this part again");
}

// Where every input has a file of its own: those without one are as many as the run counted.
Result<void> check_files(const RunPart& part) {
  const auto is_missing = [&](const InputRecord& input) {
    return !part.record.files.contains(result_name(input.stem, part.format));
  };
  const auto missing = std::ranges::count_if(part.inputs.inputs, is_missing);
  if (std::cmp_equal(missing, part.times.broken)) return {};
  return part_error(part.folder,
                    fmt::format("has no results of {} inputs, and its summary says that {} could not be read", missing,
                                part.times.broken),
                    "run this part again");
}

// Nothing is written of another number of classes than the record names.
Result<void> check_classes(const RunPart& part, const fs::path& file, const LogitRows& logits) {
  const int classes = part.record.identity.classes;
  if (logits.classes == classes) return {};
  return part_error(file, fmt::format("has {} classes, and the record of its run {}", logits.classes, classes),
                    "run this part again");
}

std::unexpected<Error> changed(const fs::path& path) {
  return part_error(path, "is gone, or has changed since the run wrote it", "run this part again");
}

}  // namespace

Result<RunPart> read_run_part(const fs::path& given) {
  const fs::path folder = given.has_filename() ? given : given.parent_path();  // "part1/" is part1
  SMLP_TRY(record, read_run_record(folder));
  if (!record) {
    return part_error(folder, "holds no run of infer", "give the folders that `smlp infer --shard K/N --output` made");
  }
  if (!record->finished) {
    return part_error(folder, "is the folder of a run that was not finished", "finish it with infer --resume");
  }
  SMLP_TRY(inputs, read_input_manifest(folder));
  if (!inputs) return part_error(folder / kInputManifest, "is gone", "run this part again");
  SMLP_TRY(provenance, provenance_of_record(folder, *record));
  SMLP_TRY(format, format_of(folder, record->identity.format));
  SMLP_TRY(times, read_times(folder));
  const std::string& shard = record->identity.shard;
  const auto place = shard.empty() ? Result<Shard>() : parse_shard(shard, [](const char*) { return nullptr; });
  if (!place) return part_error(folder, fmt::format("is part '{}', which is none", shard), "");
  return RunPart{.folder = folder,
                 .record = std::move(*record),
                 .inputs = std::move(*inputs),
                 .provenance = std::move(provenance),
                 .shard = *place,
                 .format = format,
                 .times = std::move(times)};
}

Result<RunPartReader> RunPartReader::open(const RunPart& part) {
  RunPartReader reader(part);
  if (!part.record.identity.packed) SMLP_CHECK(check_files(part));
  if (!part.record.identity.packed || part.inputs.inputs.empty()) return reader;
  SMLP_TRY(state, part.record.state_of(part.folder, kPackedResult));
  if (state != FileState::whole) return changed(part.folder / kPackedResult);
  SMLP_TRY(packed, read_logits({.path = part.folder / kPackedResult, .stem = {}, .number = {}}, 0, 0));
  SMLP_CHECK(check_classes(part, part.folder / kPackedResult, packed));
  SMLP_TRY(first, rows_of(part, packed));
  reader.packed_ = std::move(packed);
  reader.first_row_ = std::move(first);
  return reader;
}

Result<std::vector<float>> RunPartReader::read(std::size_t index) const {
  if (!packed_) return read_file(part_.inputs.inputs[index]);
  const auto classes = static_cast<std::size_t>(packed_->classes);
  const auto rows =
      std::span(packed_->values)
          .subspan(first_row_[index] * classes, static_cast<std::size_t>(part_.record.rows[index].rows) * classes);
  return std::vector<float>(rows.begin(), rows.end());
}

Result<std::vector<float>> RunPartReader::read_file(const InputRecord& input) const {
  const std::string name = result_name(input.stem, part_.format);
  if (!part_.record.files.contains(name)) return std::vector<float>();  // could not be read
  SMLP_TRY(state, part_.record.state_of(part_.folder, name));
  if (state != FileState::whole) return changed(part_.folder / name);
  const ResultFile file = {.path = part_.folder / name, .stem = input.stem, .number = {}, .format = part_.format};
  SMLP_TRY(logits, read_logits(file, input.rows, part_.record.identity.classes));
  SMLP_CHECK(check_classes(part_, file.path, logits));
  if (logits.rows != input.rows) {
    return part_error(file.path, fmt::format("has {} rows, and its input {}", logits.rows, input.rows),
                      "run this part again");
  }
  return std::move(logits.values);
}

}  // namespace smlp
