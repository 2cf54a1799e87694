// smlp evaluate: how often the network is right on labelled pictures.
#include "tasks/evaluate.h"

#include <optional>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/evaluation_text.h"
#include "cli/input_remarks.h"
#include "cli/model_options.h"
#include "cli/preprocess_options.h"
#include "cli/progress.h"
#include "cli/shard_option.h"
#include "tasks/evaluation_files.h"
#include "tasks/input_source.h"
#include "tasks/labelled_pictures.h"

namespace smlp::cli {
namespace {

struct Options {
  std::vector<std::string> data;
  std::size_t limit = SIZE_MAX;
  ModelOptions model;
  std::string labels, shard;
  EvaluationFileNames files;
  bool resume = false, force = false;
  bool per_class = false;
  bool json = false;
};

Result<Inputs> list(const Options& options) {
  InputLister lister(LabelUse::required);
  for (const std::string& word : options.data) SMLP_CHECK(lister.add(word));
  return lister.finish();
}

// What errors about the inputs as a whole are said to be in.
std::string place_of(const Options& options) { return options.data.size() == 1 ? options.data.front() : "the inputs"; }

// The rule that gives each label its class; a warning where it is a guess.
Result<LabelMap> find_labels(const Options& options, const Inputs& data, const NamedModel& named) {
  auto labels = map_labels_of(data, named.model.classes(), named.classes, find_label_rule(options.labels));
  if (!labels) return fail(std::move(labels).error().in(place_of(options)));
  if (labels->rule == LabelRule::position && options.labels.empty()) {
    report_warning(
        fmt::format("the model has no class names: {}; check that this is the order it was trained with, or "
                    "pass --classes",
                    label_rule_text(labels->rule, label_source_name(data.label_source), data.labels.size())));
  }
  return labels;
}

Result<void> check_inputs(const Options& options, const Model& model, Inputs& data) {
  SMLP_CHECK(check_prepared(data.files, input_spec(model), data.warnings));
  SMLP_CHECK(check_label_counts(data.files));
  report_remarks(data);
  return keep_first(data.files, options.limit);
}

RunIdentity identity_of(const Provenance& from, const LabelledPictures& pictures, const Shard& shard, int classes) {
  return {.program = from.program(),
          .model_sha256 = from.model_sha256,
          .precision = from.precision,
          .isa = from.isa,
          .preprocess = from.preprocess,
          .inputs_sha256 = pictures.identity_sha256,
          .labels = from.label_rule,
          .shard = shard.text(),
          .format = "evaluation",
          .packed = false,
          .classes = classes};
}

EvaluationWatch watch_of(std::optional<Progress>& progress) {
  return {.progress =
              [&](std::int64_t done, std::int64_t all) {
                if (!progress) progress.emplace("pictures", all, done);
                progress->update(done);
              },
          .skipped =
              [&](const Error& error) {
                if (progress) progress->clear();
                report_error(error);
              }};
}

// What is wrong with the options together, or an empty text.
std::string contradiction(const Options& options) {
  if (!options.files.journal_path().empty()) return {};
  if (options.resume)
    return "--resume needs --predictions, --confusion or --journal: what it goes on with is kept there";
  if (options.force) return "--force is for the files of --predictions, --confusion and --journal";
  return {};
}

Result<Exit> run(const Options& options) {
  if (const std::string wrong = contradiction(options); !wrong.empty()) return usage_error(wrong);
  const auto shard = shard_of(options.shard);
  if (!shard) return usage_error(shard.error().message());
  SMLP_TRY(data, list(options));
  SMLP_TRY(opened, open_session(options.model));
  auto& [named, session] = opened;
  SMLP_TRY(labels, find_labels(options, data, named));
  SMLP_CHECK(check_inputs(options, named.model, data));
  const LabelledPictures pictures = labelled_pictures(data, labels, named.classes);
  SMLP_TRY(provenance, provenance_of(session, options.model.model, precision_name(session.precision())));
  provenance.inputs_sha256 = pictures.list_sha256;
  provenance.label_rule = pictures.label_rule;

  using enum NamedOutput::Mode;
  SMLP_TRY(files, EvaluationFiles::create(options.files, options.force ? force : options.resume ? resume : fresh));
  InputSource source(data.files, input_spec(named.model));
  std::optional<Progress> progress;
  SMLP_TRY(result, evaluate(session, {.source = source, .labels = pictures.labels},
                            {.shard = *shard,
                             .journal = options.files.journal_path(),
                             .resume = options.resume,
                             .force = options.force,
                             .identity = identity_of(provenance, pictures, *shard, named.model.classes()),
                             .provenance = provenance_text(provenance)},
                            watch_of(progress)));
  progress.reset();
  result.provenance = provenance;
  result.label_source = pictures.label_source;
  result.classes = pictures.classes;
  result.model_classes = named.classes;
  if (result.images() == 0 && result.skipped > 0 && shard->is_whole()) {  // a part is a part all the same
    return fail(
        Error{.what = fmt::format("none of the {} pictures could be read", result.skipped), .file = place_of(options)});
  }
  SMLP_CHECK(files.write(result, source, pictures.labels, named.classes));
  return show_evaluation(result, {.json = options.json, .per_class = options.per_class});
}

}  // namespace

Run add_evaluate(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.texts("--data", options->data).plain("INPUT").required();
  line.word("--labels", {"wnid", "name", "index", "position"}, options->labels)
      .named("RULE")
      .help(
          "How labels name the model's classes: by wnid, by name (or a synonym), by index, or class folders by "
          "position in the order of their names (default: by wnid or name; by index where labels of a list or shard "
          "are numbers; by position for folders and a model without names)");
  add_limit_option(line, options->limit);
  line.flag("--per-class", options->per_class);
  line.flag("--json", options->json);
  line.text("--predictions", options->files.predictions);
  line.text("--confusion", options->files.confusion);
  line.text("--journal", options->files.journal);
  line.flag("--resume", options->resume)
      .excludes("--force")
      .help("Go on where an interrupted run with the same options stopped");
  line.flag("--force", options->force).help("Replace the files of an earlier evaluation");
  add_shard_option(line, options->shard);
  add_model_options(line, options->model);
  add_batch_option(line, options->model);
  add_preprocess_options(line, options->model.preprocess);
  line.examples({"smlp evaluate imagenette", "smlp evaluate imagenette --per-class",
                 "smlp evaluate imagenette --predictions answers.jsonl --confusion table.csv \\\n    --resume",
                 "smlp evaluate imagenette --shard 1/2 --json > part1.json",
                 "smlp evaluate 'val-{000..049}.tar' --limit 1000",
                 "smlp evaluate --data imagenet --model smlp_t.pth --json"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
