#include "tasks/infer_files.h"

#include <algorithm>
#include <chrono>
#include <random>

#include "api/session_pass.h"
#include "base/no_throw.h"
#include "data/input_check.h"
#include "pipeline/repeated_source.h"
#include "tasks/infer_identity.h"
#include "tasks/input_labels.h"
#include "tasks/input_source.h"
#include "tasks/result_sink.h"
#include "tasks/run_results.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

void note(const InferFilesWatch& watch, const std::string& text) {
  if (watch.note) watch.note(text);
}

Result<void> check_stems(std::span<const Input> files, bool packed) {
  for (const Input& file : files) {
    if (packed && file.stem().find_first_of("\t\n") != std::string::npos) {
      return fail(Error{.what = "has a tab or a line break in its name, which the list of packed results cannot hold",
                        .file = file.name(),
                        .remedy = "rename it"});
    }
  }
  return {};
}

// What --input names, every file checked; none for made-up data.
Result<Inputs> list(const InferFilesOptions& options, const InputSpec& spec, const InferFilesWatch& watch) {
  if (options.input.empty()) return Inputs();
  InputLister lister(LabelUse::if_any);
  SMLP_CHECK(lister.add(options.input));
  SMLP_TRY(inputs, lister.finish());
  if (inputs.left_out.count > 0) note(watch, left_out_text(inputs.left_out));
  SMLP_CHECK(check_prepared(inputs.files, spec, inputs.warnings));
  SMLP_CHECK(keep_first(inputs.files, options.limit));
  SMLP_CHECK(check_pictures(inputs.files, spec));
  SMLP_CHECK(check_result_names(inputs.files));
  SMLP_CHECK(check_stems(inputs.files, options.packed));
  for (const std::string& warning : inputs.warnings) {
    if (watch.warning) watch.warning(warning);
  }
  note(watch, fmt::format("{} input files, {} pictures; all are there, and prepared files have the right size",
                          inputs.files.size(), picture_count(inputs.files)));
  return std::move(inputs);
}

// The files that --force must leave alone.
std::vector<fs::path> files_of(std::span<const Input> inputs) {
  std::vector<fs::path> files;
  for (const Input& input : inputs) {
    if (files.empty() || files.back() != input.on_disk()) files.push_back(input.on_disk());
  }
  return files;
}

// Where the results of `inputs`, a part of `all`, go: nowhere, or into a folder that is new, resumed or replaced.
Result<RunResults> open_results(const InferFilesOptions& options, const Inputs& all, const Inputs& inputs, int classes,
                                InferFilesReport& report, const InferFilesWatch& watch) {
  if (options.output.empty()) return RunResults();
  InputManifest manifest;
  if (!inputs.files.empty()) {
    SMLP_TRY(described, describe_inputs(inputs, classes, options.classes));
    manifest = std::move(described);
  }
  const RunIdentity identity = identity_of(options, all, classes);
  SMLP_TRY(
      place,
      choose_folder(
          {.output = options.output, .name = options.output_dirname, .resume = options.resume, .force = options.force},
          identity, files_of(all.files)));
  report.folder = place.path;
  report.summary = summary_path(place.path);
  note(watch, fmt::format("output path:{}", place.path.string()));
  SMLP_TRY(results,
           RunResults::open(std::move(place), identity, provenance_text(options.provenance),
                            {.format = options.format, .packed = options.packed, .classes = classes}, inputs.files));
  SMLP_CHECK(results.write_inputs(manifest));
  return std::move(results);
}

std::vector<float> made_up_picture(PureData kind, std::size_t floats) {
  std::vector<float> picture(floats, 0.0F);
  if (kind == PureData::zero) return picture;
  std::mt19937 generator(20220622);
  std::normal_distribution<float> normal;  // what normalised pictures look like
  for (float& value : picture) value = normal(generator);
  return picture;
}

// An execution is timed with the machine to itself.
PipelineOptions exclusive_pass(const Session& session, int loop, Executions* executions) {
  PipelineOptions pass = pass_options(session);
  pass.exclusive = true;
  pass.loop = loop;
  pass.executions = executions;
  return pass;
}

Result<void> warm_up(Session& session, const InferFilesOptions& options, const InputSpec& spec) {
  if (options.warmup < 1) return {};
  class Unheard final : public Sink {
    Result<void> put(std::size_t, Result<std::span<const float>> logits) override {
      if (!logits) return fail(logits.error());
      return {};
    }
  } sink;
  const std::vector<float> picture(spec.floats());
  RepeatedSource source(picture, static_cast<std::size_t>(options.batch));
  return run_pass(session, source, sink, exclusive_pass(session, options.warmup, nullptr));
}

std::vector<Input> still_to_do(const std::vector<Input>& files, const RunResults& results) {
  const std::vector<bool>& done = results.done();
  std::vector<Input> todo;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (i >= done.size() || !done[i]) todo.push_back(files[i]);
  }
  return todo;
}

Result<void> run_inputs(Session& session, const std::vector<Input>& files, const InputSpec& spec,
                        const InferFilesOptions& options, ResultSink& sink, Executions& executions) {
  const PipelineOptions pass = exclusive_pass(session, options.loop, &executions);
  if (options.input.empty()) {
    const std::vector<float> picture = made_up_picture(options.pure, spec.floats());
    RepeatedSource source(picture, static_cast<std::size_t>(options.batch));
    return run_pass(session, source, sink, pass);
  }
  InputSource source(files, spec);
  return run_pass(session, source, sink, pass);
}

std::string summary_of(const InferFilesReport& report, const InferFilesOptions& options, const RunResults& results,
                       const std::vector<Input>& files, int classes) {
  std::vector<FileResult> pairs;
  pairs.reserve(files.size());
  for (const Input& file : files) pairs.push_back({file.name(), results.path_of(file).string()});
  return infer_summary(report, options, pairs, classes);
}

void begin_report(const RunResults& results, std::size_t files, std::size_t todo, InferFilesReport& report,
                  const InferFilesWatch& watch) {
  report.resumed = files - todo;
  for (const Error& error : results.broken_before()) {
    ++report.broken;
    if (watch.broken) watch.broken(error);
  }
}

Result<InferFilesReport> infer(Session& session, InferFilesOptions& options, const InferFilesWatch& watch) {
  const InputSpec spec = input_spec(session.model(), options.batch);
  const int classes = session.model().classes();
  SMLP_TRY(all, list(options, spec, watch));
  if (!all.files.empty()) options.provenance.inputs_sha256 = list_sha256(all.files);
  const Shard::Range range = options.shard.of(all.files.size());
  Inputs inputs = all;
  std::vector<Input>& files = inputs.files;
  files = {all.files.begin() + static_cast<std::ptrdiff_t>(range.first),
           all.files.begin() + static_cast<std::ptrdiff_t>(range.last)};
  if (!options.shard.is_whole()) note(watch, fmt::format("part {}: {} inputs", options.shard.text(), files.size()));
  InferFilesReport report;
  report.inputs_sha256 = options.provenance.inputs_sha256;
  report.first = range.first;
  report.inputs = range.size();
  report.listed = all.files.size();
  SMLP_TRY(results, open_results(options, all, inputs, classes, report, watch));
  // Made-up data is one input of a whole batch; its result is named as the guide's tool names it.
  if (options.input.empty()) files = {{.file = "pure_infer_data", .rows = options.batch}};
  const std::vector<Input> todo = still_to_do(files, results);
  begin_report(results, files.size(), todo.size(), report, watch);

  SMLP_CHECK(warm_up(session, options, spec));
  note(watch, fmt::format("warm up {} done", options.warmup));
  if (watch.progress) watch.progress(report.resumed, files.size());

  const auto start = Clock::now();
  Executions executions;
  ResultSink sink(todo, results, report, watch);
  SMLP_CHECK(run_inputs(session, todo, spec, options, sink, executions));
  SMLP_CHECK(results.finish());
  report.wall_seconds = std::chrono::duration<double>(Clock::now() - start).count();
  report_times(executions, report);
  // Where an earlier run did all the work, its summary with its timings stays.
  std::error_code code;
  const bool nothing_new = results.resumed() && report.compute_list.empty() && fs::exists(report.summary, code);
  SMLP_CHECK(results.write_summary(nothing_new ? "" : summary_of(report, options, results, files, classes)));
  return report;
}

}  // namespace

Result<InferFilesReport> infer_files(Session& session, InferFilesOptions options, InferFilesWatch watch) {
  if (options.input.empty()) watch.progress = {};  // there are no inputs to count
  return no_throw([&] { return infer(session, options, watch); });
}

}  // namespace smlp
