// smlp compare: two models, or one in two precisions, on the same labelled pictures.
#include <algorithm>
#include <optional>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/input_remarks.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/preprocess_options.h"
#include "cli/progress.h"
#include "cli/suggest.h"
#include "cli/table.h"
#include "data/input_check.h"
#include "data/label_map.h"
#include "tasks/compare_models.h"
#include "tasks/csv_cell.h"
#include "tasks/input_source.h"
#include "tasks/labelled_pictures.h"
#include "tasks/machine.h"
#include "tasks/provenance.h"

namespace smlp::cli {
namespace {

struct Options {
  std::string words[2];
  std::vector<std::string> data;
  std::size_t limit = SIZE_MAX;
  std::string labels;
  ModelOptions model;
  bool json = false, csv = false;
};

// What one of the two words means.
struct Side {
  std::string word, file;  // an empty file is the bundled model
  std::optional<Precision> precision;
};

// A precision of --model, a model's file, or FILE:PRECISION.
Side side_of(const std::string& word, const std::string& model) {
  if (const Precision* precision = find_precision(word)) return {word, model, *precision};
  const std::size_t colon = word.rfind(':');
  if (colon != std::string::npos) {
    if (const Precision* precision = find_precision(std::string_view(word).substr(colon + 1))) {
      return {word, word.substr(0, colon), *precision};
    }
  }
  return {word, word, std::nullopt};
}

bool is_there(const std::string& path) {
  std::error_code code;
  return !path.empty() && std::filesystem::exists(path, code);
}

// What is wrong with a word that was meant for a precision, or an empty text: fp16, or model.pth:fp16.
std::string problem_of(const Side& side) {
  if (side.precision || is_there(side.word)) return "";
  const std::size_t colon = side.word.rfind(':');
  if (colon != std::string::npos && is_there(side.word.substr(0, colon))) {
    return unknown_precision(side.word.substr(colon + 1));
  }
  if (side.word.find_first_of("./") != std::string::npos) return "";  // a file's name, which loading finds missing
  return fmt::format("'{}' is no file; {}", side.word, unknown_precision(side.word));
}

struct Loaded {
  NamedModel named;
  Session session;
  LabelledPictures pictures;
  Provenance provenance;
};

Result<Loaded> load(const Side& side, const Options& options, const Inputs& data) {
  SMLP_TRY(named, load_named_model(side.file, options.model.classes, options.model.preprocess));
  SessionOptions session_options = options.model.session;
  session_options.precision = side.precision;
  auto session = Session::create(named.model, session_options);
  if (!session) return fail(std::move(session).error().in(side.word));
  auto map = map_labels_of(data, named.model.classes(), named.classes, find_label_rule(options.labels));
  if (!map) return fail(std::move(map).error().in(side.word));
  LabelledPictures pictures = labelled_pictures(data, *map, named.classes);
  SMLP_TRY(provenance, provenance_of(*session, side.file, precision_name(session->precision())));
  provenance.inputs_sha256 = pictures.list_sha256;
  provenance.label_rule = pictures.label_rule;
  return Loaded{std::move(named), std::move(*session), std::move(pictures), std::move(provenance)};
}

Json side_json(const Loaded& loaded, const SideResult& result) {
  const Interval interval = wilson_interval(result.tally.right1(), result.tally.images());
  return {{"model", loaded.provenance.model},
          {"precision", precision_name(loaded.session.precision())},
          {"isa", loaded.session.isa()},
          {"acc1", result.tally.acc1()},
          {"acc5", result.tally.acc5()},
          {"acc1_interval", {interval.low, interval.high}},
          {"not_finite", result.tally.not_finite()},
          {"images_per_second", result.images_per_second},
          {"provenance", provenance_json(loaded.provenance)}};
}

// What both sides have in common; the rest stands in theirs.
Provenance shared_provenance(Provenance first, const Provenance& second) {
  const auto keep_shared = [](std::string& one, const std::string& other) {
    if (one != other) one.clear();
  };
  keep_shared(first.model, second.model);
  keep_shared(first.model_sha256, second.model_sha256);
  keep_shared(first.precision, second.precision);
  keep_shared(first.isa, second.isa);
  keep_shared(first.preprocess, second.preprocess);
  keep_shared(first.inputs_sha256, second.inputs_sha256);
  keep_shared(first.label_rule, second.label_rule);
  return first;
}

std::string answer_text(const std::optional<int>& answer, const ClassList& list) {
  return answer ? class_name(list, *answer) : "not finite";
}

class Report {
 public:
  Report(const Side (&sides)[2], const Loaded& first, const Loaded& second, const Inputs& data,
         const ModelComparison& comparison)
      : sides_(sides), loaded_{&first, &second}, data_(data), c_(comparison) {}

  std::string text() const {
    using enum Table::Align;
    Table table({"", "precision", "kernels", "acc@1", "95 % interval", "acc@5", "pictures/s"},
                {left, left, left, right, left, right, right});
    for (const int i : {0, 1}) {
      const SideResult& side = c_.sides[i];
      const Interval interval = wilson_interval(side.tally.right1(), side.tally.images());
      table.add({sides_[i].word, std::string(precision_name(loaded_[i]->session.precision())),
                 std::string(loaded_[i]->session.isa()), fmt::format("{:.4f}", side.tally.acc1()),
                 fmt::format("{:.4f} to {:.4f}", interval.low, interval.high), fmt::format("{:.4f}", side.tally.acc5()),
                 fmt::format("{:.1f}", side.images_per_second)});
    }
    std::string out = table.text(terminal_width());
    const Interval interval = c_.difference_interval();
    out += fmt::format("{} pictures{}, {} answered differently ({:.2f} %)\n", c_.pictures,
                       c_.skipped > 0 ? fmt::format(", {} skipped", c_.skipped) : "", c_.flips.size(),
                       share(std::ssize(c_.flips)));
    out += fmt::format(
        "acc@1 differs by {:+.4f}, 95 % interval {:+.4f} to {:+.4f}; right in one alone: {} and {}, "
        "McNemar's p = {:.3g}\n",
        c_.difference(), interval.low, interval.high, c_.only_right[0], c_.only_right[1], c_.mcnemar_p());
    out += fmt::format("logits differ by {:.2e} of their norm, at most by {:.3g}; speed {:.2f} to 1\n",
                       c_.relative_error, c_.largest_error, ratio());
    if (c_.flips.empty()) return out;
    Table flips({"picture", "label", "first answer", "second answer"}, {left, left, left, left});
    for (const Flip& flip : c_.flips) {
      flips.add({name(flip), label(flip), answer(flip, 0), answer(flip, 1)});
    }
    return out + "\n" + flips.text(terminal_width());
  }

  Json json() const {
    Json flips = Json::array();
    for (const Flip& flip : c_.flips) {
      flips.push_back({{"file", name(flip)},
                       {"label", label(flip)},
                       {"answers", {answer(flip, 0), answer(flip, 1)}},
                       {"right", {flip.right[0], flip.right[1]}}});
    }
    const Interval interval = c_.difference_interval();
    return {{"first", side_json(*loaded_[0], c_.sides[0])},
            {"second", side_json(*loaded_[1], c_.sides[1])},
            {"pictures", c_.pictures},
            {"skipped", c_.skipped},
            {"difference", c_.difference()},
            {"difference_interval", {interval.low, interval.high}},
            {"only_right", {c_.only_right[0], c_.only_right[1]}},
            {"mcnemar_p", c_.mcnemar_p()},
            {"relative_error", c_.relative_error},
            {"largest_error", c_.largest_error},
            {"speed_ratio", ratio()},
            {"flips", flips},
            {"provenance", provenance_json(shared_provenance(loaded_[0]->provenance, loaded_[1]->provenance))}};
  }

  // The flips, a line each.
  std::string csv() const {
    std::string out = "file,label,first,second,right_first,right_second\n";
    for (const Flip& flip : c_.flips) {
      out += fmt::format("{},{},{},{},{:d},{:d}\n", csv_cell(name(flip)), csv_cell(label(flip)),
                         csv_cell(answer(flip, 0)), csv_cell(answer(flip, 1)), flip.right[0], flip.right[1]);
    }
    return out;
  }

 private:
  double share(std::int64_t count) const {
    return c_.pictures == 0 ? 0 : 100.0 * static_cast<double>(count) / static_cast<double>(c_.pictures);
  }
  double ratio() const {
    const double first = c_.sides[0].images_per_second;
    return first > 0 ? c_.sides[1].images_per_second / first : 0;
  }
  std::string name(const Flip& flip) const { return data_.files[flip.picture].name(); }
  std::string label(const Flip& flip) const { return class_name(loaded_[0]->named.classes, flip.label); }
  std::string answer(const Flip& flip, int side) const {
    return answer_text(flip.answers[side], loaded_[side]->named.classes);
  }

  const Side (&sides_)[2];
  const Loaded* loaded_[2];
  const Inputs& data_;
  const ModelComparison& c_;
};

Result<Inputs> list(const Options& options, const Model& model) {
  InputLister lister(LabelUse::required);
  for (const std::string& word : options.data) SMLP_CHECK(lister.add(word));
  SMLP_TRY(data, lister.finish());
  SMLP_CHECK(check_prepared(data.files, input_spec(model), data.warnings));
  SMLP_CHECK(check_label_counts(data.files));
  report_remarks(data);
  SMLP_CHECK(keep_first(data.files, options.limit));
  return std::move(data);
}

// Answers are compared by their numbers, so class i has to be the same in both. A name may be a synonym of the other's.
Result<void> check_same_classes(const Side (&sides)[2], const ClassList& first, const ClassList& second) {
  const bool by_wnid = !first.wnids.empty() && !second.wnids.empty();
  const std::vector<std::string>& one = by_wnid ? first.wnids : first.names;
  const std::vector<std::string>& other = by_wnid ? second.wnids : second.names;
  if (one.empty() || other.empty() || one == other) return {};
  const auto map = map_labels(other, static_cast<int>(other.size()), first, by_wnid ? LabelRule::wnid : LabelRule::name,
                              LabelWords::labels);
  for (std::size_t i = 0; i < other.size(); ++i) {
    const bool same = map ? map->class_of_folder[i] == static_cast<int>(i) : one[i] == other[i];
    if (same) continue;
    return fail(Error{
        .what = fmt::format("class {} is '{}' in {} and '{}' in {}", i, one[i], sides[0].word, other[i], sides[1].word),
        .remedy = "compare models of the same classes"});
  }
  return {};
}

Result<Exit> run(const Options& options) {
  if (options.json && options.csv) return usage_error("give one of --json and --csv");
  const bool has_precision =
      std::ranges::any_of(options.words, [](auto& word) { return find_precision(word) != nullptr; });
  if (!options.model.model.empty() && !has_precision) {
    return usage_error("--model is for precisions such as fp32 and int8, and both A and B are files");
  }
  const Side sides[2] = {side_of(options.words[0], options.model.model),
                         side_of(options.words[1], options.model.model)};
  for (const Side& side : sides) {
    if (const std::string wrong = problem_of(side); !wrong.empty()) return usage_error(wrong);
  }
  SMLP_TRY(named, load_named_model(sides[0].file, options.model.classes, options.model.preprocess));
  SMLP_TRY(data, list(options, named.model));
  SMLP_TRY(first, load(sides[0], options, data));
  SMLP_TRY(second, load(sides[1], options, data));
  if (first.named.model.classes() != second.named.model.classes()) {
    return fail(Error{.what = fmt::format("the models have {} and {} classes", first.named.model.classes(),
                                          second.named.model.classes()),
                      .remedy = "compare models of the same classes"});
  }
  SMLP_CHECK(check_same_classes(sides, first.named.classes, second.named.classes));
  std::optional<Progress> progress;
  auto comparison =
      compare_models(data.files, {first.session, first.pictures.labels}, {second.session, second.pictures.labels},
                     {.progress =
                          [&](std::int64_t done, std::int64_t all) {
                            if (!progress) progress.emplace("pictures", all);
                            progress->update(done);
                          },
                      .skipped =
                          [&](const Error& error) {
                            if (progress) progress->clear();
                            report_error(error);
                          }});
  progress.reset();
  if (!comparison) return fail(std::move(comparison).error());
  if (comparison->pictures == 0) return fail("none of the {} pictures could be read", comparison->skipped);
  for (const SideResult& side : comparison->sides) {
    if (side.tally.not_finite() == 0) continue;
    report_warning(fmt::format("{}: {} of {} pictures have logits that are no finite numbers; they count as wrong",
                               sides[&side - comparison->sides].word, side.tally.not_finite(), side.tally.images()));
  }
  const Report report(sides, first, second, data, *comparison);
  write_output(options.json ? json_text(report.json(), 2) + "\n" : options.csv ? report.csv() : report.text());
  return comparison->skipped > 0 ? exit_bad_input : exit_ok;
}

}  // namespace

Run add_compare(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.text("--first", options->words[0]).plain("A").required();
  line.text("--second", options->words[1]).plain("B").required();
  line.texts("--data", options->data).required();
  line.text("--model", options->model.model)
      .help(
          "Model whose precisions A and B are, where they are words such as fp32 and int8 (default: the bundled one)");
  line.text("--classes", options->model.classes);
  line.word("--labels", {"wnid", "name", "index", "position"}, options->labels)
      .named("RULE")
      .help("How labels name the models' classes, as of `smlp evaluate`");
  add_limit_option(line, options->limit);
  line.number("--threads", options->model.session.threads, 1, 4096);
  line.word("--isa", isa_names(), options->model.session.isa);
  add_batch_option(line, options->model);
  add_preprocess_options(line, options->model.preprocess);
  line.flag("--json", options->json);
  line.flag("--csv", options->csv).help("Write the pictures that are answered differently, as comma-separated values");
  line.examples({"smlp compare fp32 bf16 --data imagenette --model smlp_t.pth",
                 "smlp compare smlp_t.pth smlp_t_int8.smlp --data imagenet/val",
                 "smlp compare smlp_t.pth:bf16 smlp_t_int8.smlp --data imagenet/val --json"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
