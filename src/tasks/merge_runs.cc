#include "tasks/merge_runs.h"

#include <algorithm>
#include <map>

#include "base/no_throw.h"
#include "data/input_manifest.h"
#include "tasks/run_part.h"
#include "tasks/run_results.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> part_error(const RunPart& part, std::string what, std::string remedy) {
  return fail(Error{.what = std::move(what), .file = part.folder.string(), .remedy = std::move(remedy)});
}

Result<void> check_same(const RunPart& first, const RunPart& part) {
  std::vector<std::string> differing = differences(first.provenance, part.provenance);
  const RunIdentity &a = first.record.identity, &b = part.record.identity;
  const auto compare = [&](const char* name, const auto& one, const auto& other) {
    if (one != other) differing.push_back(fmt::format("{} ({}, {})", name, one, other));
  };
  compare("format", a.format, b.format);
  compare("packing", a.packed, b.packed);
  compare("number of classes", a.classes, b.classes);
  compare("number of parts", first.shard.count, part.shard.count);
  compare("batch", first.times.batch, part.times.batch);
  compare("loop", first.times.loop, part.times.loop);
  if (differing.empty()) return {};
  return part_error(part,
                    fmt::format("is no part of the same whole as {}: they differ in {}", first.folder.string(),
                                fmt::join(differing, ", ")),
                    "run infer on the same inputs in the same way for every part");
}

// Sorted by their place, each there once.
Result<void> sort_parts(std::vector<RunPart>& parts) {
  std::ranges::stable_sort(parts, {}, [](const RunPart& part) { return part.shard.index; });
  std::vector<GivenPart> given;
  given.reserve(parts.size());
  for (const RunPart& part : parts) given.push_back({part.shard, part.folder.string()});
  return check_parts(given);
}

// What the joined run was given, and the inputs as its writer wants them.
Result<std::vector<Input>> join_inputs(const std::vector<RunPart>& parts, InputManifest& whole) {
  std::vector<Input> files;
  std::map<std::string, const RunPart*> stems;
  whole.truth = parts.front().inputs.truth;
  whole.classes = parts.front().inputs.classes;
  for (const RunPart& part : parts) {
    const bool unlabelled = part.inputs.truth.empty() && !part.inputs.inputs.empty();
    if (unlabelled && whole.missing.empty()) whole.missing = part.inputs.missing;  // as a whole run says it: the first
    for (const InputRecord& input : part.inputs.inputs) {
      const auto [at, is_new] = stems.emplace(input.stem, &part);
      if (!is_new) {
        return part_error(part, fmt::format("has a result of {}, as {} has", input.stem, at->second->folder.string()),
                          "give each part once");
      }
      whole.inputs.push_back(input);
      files.push_back({.file = input.stem, .rows = input.rows});  // named by its stem, as its result is
    }
  }
  if (!whole.missing.empty()) {
    whole.truth.clear();
    for (InputRecord& input : whole.inputs) input.labels.clear();
  }
  return files;
}

void add_times(const RunPart& part, Executions& all, InferFilesReport& report) {
  const RunTimes& times = part.times;
  all.fill.insert(all.fill.end(), times.executions.fill.begin(), times.executions.fill.end());
  all.compute.insert(all.compute.end(), times.executions.compute.begin(), times.executions.compute.end());
  all.collect.insert(all.collect.end(), times.executions.collect.begin(), times.executions.collect.end());
  all.pictures.insert(all.pictures.end(), times.executions.pictures.begin(), times.executions.pictures.end());
  report.wall_seconds += times.wall_seconds;
  report.pictures += times.pictures;
  report.broken += times.broken;
  report.resumed += times.resumed;
}

// Copies the results of `part`, whose inputs are files[first ...].
Result<void> copy_results(const RunPart& part, std::span<const Input> files, std::size_t first, RunResults& results,
                          const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  SMLP_TRY(reader, RunPartReader::open(part));
  for (std::size_t i = 0; i < part.inputs.inputs.size(); ++i) {
    const bool done = first + i < results.done().size() && results.done()[first + i];
    SMLP_TRY(logits, reader.read(i));
    if (!done) SMLP_CHECK(results.write(files[first + i], logits));
    if (progress) progress(first + i + 1, files.size());
  }
  return {};
}

Result<MergedRuns> merge(const MergeRunsOptions& options,
                         const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  std::vector<RunPart> parts;
  for (const fs::path& folder : options.parts) {
    SMLP_TRY(part, read_run_part(folder));
    parts.push_back(std::move(part));
  }
  for (const RunPart& part : parts) SMLP_CHECK(check_same(parts.front(), part));
  SMLP_CHECK(sort_parts(parts));
  InputManifest manifest;
  SMLP_TRY(files, join_inputs(parts, manifest));

  MergedRuns out{.report = {}, .options = {}, .classes = parts.front().record.identity.classes};
  out.report.inputs = out.report.listed = files.size();
  out.options.provenance = parts.front().provenance;
  out.options.batch = parts.front().times.batch;
  out.options.loop = parts.front().times.loop;
  out.options.arguments = options.arguments;
  RunIdentity identity = parts.front().record.identity;
  identity.shard.clear();
  std::vector<fs::path> inputs;  // what --force must not delete
  Executions executions;
  for (const RunPart& part : parts) {
    add_times(part, executions, out.report);
    for (const auto& [name, versions] : part.record.files) inputs.push_back((part.folder / name).lexically_normal());
    if (part.provenance.threads != out.options.provenance.threads) out.options.provenance.threads = 0;
    if (part.provenance.model != out.options.provenance.model) out.options.provenance.model.clear();
  }
  report_times(executions, out.report);

  SMLP_TRY(
      place,
      choose_folder(
          {.output = options.output, .name = options.output_dirname, .resume = options.resume, .force = options.force},
          identity, inputs));
  out.report.folder = place.path;
  out.report.summary = summary_path(place.path);
  SMLP_TRY(results, RunResults::open(
                        std::move(place), identity, provenance_text(out.options.provenance),
                        {.format = parts.front().format, .packed = identity.packed, .classes = out.classes}, files));
  SMLP_CHECK(results.write_inputs(manifest));
  std::size_t first = 0;
  for (const RunPart& part : parts) {
    SMLP_CHECK(copy_results(part, files, first, results, progress));
    first += part.inputs.inputs.size();
  }
  SMLP_CHECK(results.finish());
  std::vector<FileResult> pairs;
  pairs.reserve(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    pairs.push_back({manifest.inputs[i].file, results.path_of(files[i]).string()});
  }
  SMLP_CHECK(results.write_summary(infer_summary(out.report, out.options, pairs, out.classes)));
  return out;
}

}  // namespace

Result<MergedRuns> merge_runs(const MergeRunsOptions& options,
                              const std::function<void(std::uint64_t done, std::uint64_t total)>& progress) {
  return no_throw([&] { return merge(options, progress); });
}

}  // namespace smlp
