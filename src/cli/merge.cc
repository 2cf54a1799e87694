// smlp merge: the parts of one job, as one result.
#include <algorithm>
#include <optional>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/evaluation_text.h"
#include "cli/json_line.h"
#include "cli/output_dirname_option.h"
#include "cli/own_arguments.h"
#include "cli/progress.h"
#include "tasks/evaluation_files.h"
#include "tasks/merge_runs.h"

namespace smlp::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> parts;
  MergeRunsOptions runs;
  fs::path confusion;
  bool json = false, per_class = false, force = false;

  bool for_runs() const { return !runs.output.empty() || !runs.output_dirname.empty() || runs.resume; }
  bool for_counts() const { return !confusion.empty() || per_class; }
};

Result<Exit> merge_counts(const Options& options) {
  std::vector<EvaluationPart> parts;
  for (const std::string& name : options.parts) {
    SMLP_TRY(evaluation, read_evaluation(name));
    parts.push_back({.file = name, .evaluation = std::move(evaluation)});
  }
  SMLP_TRY(whole, merge_evaluations(std::move(parts)));
  if (!options.confusion.empty()) {
    using enum NamedOutput::Mode;
    SMLP_TRY(file, create_confusion(options.confusion, options.force ? force : fresh));
    SMLP_CHECK(file.write(confusion_csv(whole.tally, whole.model_classes)));
    SMLP_CHECK(file.commit());
  }
  return show_evaluation(whole, {.json = options.json, .per_class = options.per_class});
}

Result<Exit> merge_folders(Options& options) {
  MergeRunsOptions& runs = options.runs;
  runs.parts.assign(options.parts.begin(), options.parts.end());
  runs.force = options.force;
  std::optional<Progress> progress;
  auto merged = merge_runs(runs, [&](std::uint64_t done, std::uint64_t total) {
    if (!progress) progress.emplace("inputs", static_cast<std::int64_t>(total));
    progress->update(static_cast<std::int64_t>(done));
  });
  progress.reset();
  if (!merged) return fail(std::move(merged).error());
  const InferFilesReport& report = merged->report;
  if (options.json) {
    Json json = infer_json(report, merged->options, merged->classes);
    json["parts"] = options.parts;
    print("{}\n", json_text(json));
  } else {
    print("{} inputs of {} parts -> {}\nsummary: {}\n", report.inputs, runs.parts.size(),
          printable(report.folder.string()), printable(report.summary.string()));
  }
  if (report.broken == 0) return exit_ok;
  report_error(fmt::format("{} of {} inputs could not be read and have no result", report.broken, report.inputs));
  return exit_bad_input;
}

Result<Exit> run(Options& options) {
  std::error_code ignored;
  const auto folders =
      std::ranges::count_if(options.parts, [&](const auto& p) { return fs::is_directory(p, ignored); });
  if (folders > 0 && folders < std::ssize(options.parts)) {
    return usage_error("parts are either run folders of infer or what evaluate --json printed, not both");
  }
  if (folders > 0) {
    if (options.for_counts()) return usage_error("--confusion and --per-class are for parts of evaluate");
    if (options.runs.output.empty()) return usage_error("run folders are joined into a new one: give --output");
    return merge_folders(options);
  }
  if (options.for_runs()) return usage_error("--output, --output-dirname and --resume are for run folders of infer");
  if (options.force && options.confusion.empty()) return usage_error("--force is for the file of --confusion");
  return merge_counts(options);
}

}  // namespace

Run add_merge(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.texts("--parts", options->parts).plain("PART").named("PART").required();
  line.flag("--json", options->json);
  line.flag("--per-class", options->per_class);
  line.text("--confusion", options->confusion);
  line.text("--output", options->runs.output)
      .named("DIR")
      .help("Folder that gets the joined run folder and its summary");
  add_output_dirname_option(line, options->runs.output_dirname)
      .help("Name of the joined run folder (default: the time, as 2024_05_01-12_00_00)");
  line.flag("--resume", options->runs.resume)
      .excludes("--force")
      .help("Go on with a merge of run folders that was interrupted");
  line.flag("--force", options->force).help("Replace what an earlier merge or run wrote there");
  line.examples({"smlp merge part1.json part2.json", "smlp merge parts/*.json --json > whole.json",
                 "smlp merge result/part1 result/part2 --output result --output-dirname whole"});
  return [options] {
    options->runs.arguments = own_arguments();
    return run(*options);
  };
}

}  // namespace smlp::cli
