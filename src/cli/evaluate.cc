// smlp evaluate: how often the network is right on labelled pictures.
#include "tasks/evaluate.h"

#include "cli/command.h"
#include "cli/console.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/preprocess_options.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "data/label_map.h"
#include "tasks/input_source.h"

namespace smlp::cli {
namespace {

struct Options {
  std::vector<std::string> data;
  std::size_t limit = SIZE_MAX;
  ModelOptions model;
  std::string labels;
  bool per_class = false;
  bool json = false;
};

// One row per class that the data set has, in the order of the class indices.
struct Row {
  int index = 0;
  std::string folder, name;
  ClassScore score;
};

std::string class_name(const NamedModel& named, int index) {
  if (named.classes.names.empty()) return fmt::format("class {}", index);
  return named.classes.names[static_cast<std::size_t>(index)];
}

std::vector<Row> class_rows(const NamedModel& named, const Inputs& data, const LabelMap& labels,
                            const Evaluation& result) {
  std::vector<Row> rows;
  for (std::size_t label = 0; label < data.labels.size(); ++label) {
    const int index = labels.class_of_folder[label];
    rows.push_back(
        {index, data.labels[label], class_name(named, index), result.per_class[static_cast<std::size_t>(index)]});
  }
  std::ranges::stable_sort(rows, {}, &Row::index);
  const auto again = std::ranges::unique(rows, {}, &Row::index);  // two words for one class, in a list
  rows.erase(again.begin(), again.end());
  return rows;
}

std::string share_text(int right, int images) {
  return images == 0 ? "-" : fmt::format("{:.4f}", static_cast<double>(right) / images);
}

std::string class_table(const NamedModel& named, const std::vector<Row>& rows) {
  using enum Table::Align;
  Table table({"class", "folder", "name", "images", "acc@1", "acc@5", "most often taken for"},
              {right, left, left, right, right, right, left});
  for (const Row& row : rows) {
    const ClassScore& s = row.score;
    table.add(
        {fmt::format("{}", row.index), printable(row.folder), printable(row.name), fmt::format("{}", s.images),
         share_text(s.right1, s.images), share_text(s.right5, s.images),
         s.mistakes == 0 ? "" : fmt::format("{} ({})", printable(class_name(named, s.mistaken_for)), s.mistakes)});
  }
  return table.text(terminal_width());
}

std::string interval_text(Interval interval) { return fmt::format("{:.4f} to {:.4f}", interval.low, interval.high); }

std::string rule_text(const LabelMap& labels, LabelSource source) {
  const std::size_t count = labels.class_of_folder.size();
  const char* words = source == LabelSource::folders  ? "class folders"
                      : source == LabelSource::list   ? "labels of the list"
                      : source == LabelSource::shards ? "labels of the shards"
                                                      : "labels";
  switch (labels.rule) {
    case LabelRule::position:
      return fmt::format("class folder i of {}, sorted by name, is class i of the model", count);
    case LabelRule::index:
      return fmt::format("{} {} are numbers of the model's classes", count, words);
    case LabelRule::name:
      return fmt::format("{} {} are names of the model's classes", count, words);
    case LabelRule::wnid:
      return fmt::format("{} {} are WordNet ids of the model's classes", count, words);
  }
  return {};
}

std::string_view source_name(LabelSource source) {
  constexpr std::string_view kNames[] = {"none", "folders", "list", "shards", "several"};
  return kNames[static_cast<int>(source)];
}

void print_text(const Evaluation& result, const LabelMap& labels, LabelSource source, int classes) {
  print("acc@1:{:.4f}, acc@5:{:.4f}\n", result.acc1(), result.acc5());
  print("95 % interval: acc@1 {}, acc@5 {}\n", interval_text(wilson_interval(result.right1, result.images)),
        interval_text(wilson_interval(result.right5, result.images)));
  if (classes <= 5) print("acc@5 says nothing here: the model has {} classes\n", classes);
  print("{} pictures in {:.1f} s, {:.1f} pictures/s with decoding{}\n", result.images, result.seconds,
        result.images_per_second(), result.skipped > 0 ? fmt::format("; {} skipped", result.skipped) : "");
  print("labels: {}\n", rule_text(labels, source));
}

Json interval_json(std::int64_t right, std::int64_t images) {
  const Interval interval = wilson_interval(right, images);
  return {interval.low, interval.high};
}

Json share_json(int right, int images) { return images == 0 ? Json() : Json(static_cast<double>(right) / images); }

Json result_json(const Evaluation& result, const std::vector<Row>& rows, const LabelMap& labels, LabelSource source,
                 const Session& session) {
  Json classes = Json::array();
  for (const Row& row : rows) {
    const ClassScore& s = row.score;
    classes.push_back({{"index", row.index},
                       {"folder", row.folder},
                       {"label", row.name},
                       {"images", s.images},
                       {"acc1", share_json(s.right1, s.images)},
                       {"acc5", share_json(s.right5, s.images)},
                       {"mistaken_for", s.mistakes > 0 ? Json(s.mistaken_for) : Json()},
                       {"mistakes", s.mistakes}});
  }
  return {{"images", result.images},
          {"skipped", result.skipped},
          {"not_finite", result.not_finite},
          {"acc1", result.acc1()},
          {"acc5", result.acc5()},
          {"acc1_interval", interval_json(result.right1, result.images)},
          {"acc5_interval", interval_json(result.right5, result.images)},
          {"seconds", result.seconds},
          {"images_per_second", result.images_per_second()},
          {"label_rule", label_rule_name(labels.rule)},
          {"label_source", source_name(source)},
          {"isa", session.isa()},
          {"threads", session.threads()},
          {"per_class", classes}};
}

// What could make the number mean something else than the reader thinks.
void warn_about_data(const Inputs& data) {
  for (const std::string& warning : data.warnings) report_warning(warning);
  if (!data.empty_labels.empty()) {
    report_warning(fmt::format(
        "class folder '{}'{} no picture", data.empty_labels.front(),
        data.empty_labels.size() == 1 ? " holds" : fmt::format(" and {} more hold", data.empty_labels.size() - 1)));
  }
  if (data.left_out.count > 0) report_warning(left_out_text(data.left_out));
}

void warn_about_result(const Evaluation& result, const LabelMap& labels, int classes) {
  if (result.not_finite > 0) {
    report_warning(fmt::format("{} of {} pictures have logits that are no finite numbers; they count as wrong",
                               result.not_finite, result.images));
  }
  if (!at_chance_level(result.right1, result.images, classes)) return;
  report_warning(fmt::format(
      "acc@1 is at chance level (1 of {} classes): {}", classes,
      labels.rule == LabelRule::position
          ? "class folders are taken in the order of their names; compare it with the order of the model's classes"
          : "the model does not know these pictures; check that it is the right file"));
}

Result<Inputs> list(const Options& options) {
  InputLister lister(LabelUse::required);
  for (const std::string& word : options.data) SMLP_CHECK(lister.add(word));
  return lister.finish();
}

// What errors about the inputs as a whole are said to be in.
std::string place_of(const Options& options) { return options.data.size() == 1 ? options.data.front() : "the inputs"; }

Result<Exit> run(const Options& options) {
  SMLP_TRY(data, list(options));
  SMLP_TRY(opened, open_session(options.model));
  auto& [named, session] = opened;
  const int classes = named.model.classes();
  auto labels = map_labels(data.labels, classes, named.classes, find_label_rule(options.labels),
                           data.label_source == LabelSource::folders ? LabelWords::folders : LabelWords::labels);
  if (!labels) return fail(std::move(labels).error().in(place_of(options)));
  if (labels->rule == LabelRule::position && options.labels.empty()) {
    report_warning(
        fmt::format("the model has no class names: {}; check that this is the order it was trained with, or "
                    "pass --classes",
                    rule_text(*labels, data.label_source)));
  }
  SMLP_CHECK(check_prepared(data.files, input_spec(named.model), data.warnings));
  const auto several = std::ranges::find_if(data.files, [](const Input& input) { return input.rows > 1; });
  if (several != data.files.end()) {
    return fail(Error{.what = fmt::format("holds {} pictures, and its label is one", several->rows),
                      .file = several->name(),
                      .remedy = "score it with smlp infer and smlp postprocess"});
  }
  warn_about_data(data);
  SMLP_CHECK(keep_first(data.files, options.limit));

  Progress progress("pictures", std::ssize(data.files));
  const auto skipped = [&](const Error& error) {
    progress.clear();
    report_error(error.message());
  };
  SMLP_TRY(result, evaluate(session, data, labels->class_of_folder,
                            {.progress = [&](std::int64_t done) { progress.update(done); }, .skipped = skipped}));
  progress.clear();
  if (result.images == 0) {
    return fail(
        Error{.what = fmt::format("none of the {} pictures could be read", result.skipped), .file = place_of(options)});
  }

  const std::vector<Row> rows = class_rows(named, data, *labels, result);
  if (options.json) {
    print("{}\n", json_text(result_json(result, rows, *labels, data.label_source, session)));
  } else {
    if (options.per_class) write_output(class_table(named, rows) + "\n");
    print_text(result, *labels, data.label_source, classes);
  }
  warn_about_result(result, *labels, classes);
  if (result.skipped == 0) return exit_ok;
  report_error(fmt::format("{} of {} pictures could not be read and are not counted", result.skipped,
                           result.skipped + result.images));
  return exit_bad_input;
}

}  // namespace

Run add_evaluate(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.texts("--data", options->data)
      .plain("INPUT")
      .named("INPUT")
      .required()
      .help(
          "Labelled pictures: a folder with a subfolder a class (or one that holds it as val/), tar archives and "
          "shards (x-{000..004}.tar), or @LIST and - with lines of `path label`");
  line.word("--labels", {"wnid", "name", "index", "position"}, options->labels)
      .named("RULE")
      .help(
          "How labels name the model's classes: by wnid, by name (or a synonym), by index, or class folders by "
          "position in the order of their names (default: by wnid or name; by index where labels of a list or shard "
          "are numbers; by position for folders and a model without names)");
  add_limit_option(line, options->limit);
  line.flag("--per-class", options->per_class);
  line.flag("--json", options->json);
  add_model_options(line, options->model);
  add_batch_option(line, options->model);
  add_preprocess_options(line, options->model.preprocess);
  line.examples({"smlp evaluate imagenette", "smlp evaluate imagenette --per-class",
                 "smlp evaluate 'val-{000..049}.tar' --limit 1000",
                 "smlp evaluate --data imagenet --model smlp_t.pth --json"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
