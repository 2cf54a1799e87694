#include "cli/evaluation_text.h"

#include "cli/console.h"
#include "cli/json_line.h"
#include "cli/table.h"

namespace smlp::cli {
namespace {

std::string share_text(int right, int images) {
  return images == 0 ? "-" : fmt::format("{:.4f}", static_cast<double>(right) / images);
}

std::string class_table(const Evaluation& e) {
  using enum Table::Align;
  Table table({"class", "folder", "name", "images", "acc@1", "acc@5", "most often taken for"},
              {right, left, left, right, right, right, left});
  const std::vector<ClassScore> scores = e.tally.per_class();
  for (const DataClass& c : e.classes) {
    const ClassScore& s = scores[static_cast<std::size_t>(c.index)];
    table.add({fmt::format("{}", c.index), printable(c.folder), printable(c.name), fmt::format("{}", s.images),
               share_text(s.right1, s.images), share_text(s.right5, s.images),
               s.mistakes == 0
                   ? ""
                   : fmt::format("{} ({})", printable(class_name(e.model_classes, s.mistaken_for)), s.mistakes)});
  }
  return table.text(terminal_width());
}

std::string interval_text(Interval interval) { return fmt::format("{:.4f} to {:.4f}", interval.low, interval.high); }

void print_text(const Evaluation& e) {
  const int classes = e.tally.classes();
  if (e.images() > 0) {
    print("acc@1:{:.4f}, acc@5:{:.4f}\n", e.tally.acc1(), e.tally.acc5());
    print("95 % interval: acc@1 {}, acc@5 {}\n", interval_text(e.acc1_interval()), interval_text(e.acc5_interval()));
  } else {
    print("no pictures, so no accuracy\n");
  }
  if (classes <= 5) print("acc@5 says nothing here: the model has {} classes\n", classes);
  print("{} pictures in {:.1f} s, {:.1f} pictures/s with decoding{}{}\n", e.images(), e.seconds, e.images_per_second(),
        e.skipped > 0 ? fmt::format("; {} skipped", e.skipped) : "",
        e.resumed > 0 ? fmt::format("; {} of an earlier run", e.resumed) : "");
  if (!e.shard.is_whole()) {
    print("part {}/{}: {} of {} pictures\n", e.shard.index, e.shard.count, e.shard.of(e.listed).size(), e.listed);
  }
  if (const auto rule = find_label_rule(e.provenance.label_rule)) {
    print("labels: {}\n", label_rule_text(*rule, e.label_source, e.classes.size()));
  }
}

void print_result(const Evaluation& evaluation, EvaluationView view) {
  if (view.json) {
    print("{}\n", json_text(evaluation_json(evaluation)));
    return;
  }
  if (view.per_class) write_output(class_table(evaluation) + "\n");
  print_text(evaluation);
}

void warn(const Evaluation& e) {
  if (e.tally.not_finite() > 0) {
    report_warning(fmt::format("{} of {} pictures have logits that are no finite numbers; they count as wrong",
                               e.tally.not_finite(), e.images()));
  }
  const int classes = e.tally.classes();
  if (!e.shard.is_whole() || !at_chance_level(e.tally.right1(), e.images(), classes)) return;
  report_warning(fmt::format(
      "acc@1 is at chance level (1 of {} classes): {}", classes,
      find_label_rule(e.provenance.label_rule) == LabelRule::position
          ? "class folders are taken in the order of their names; compare it with the order of the model's classes"
          : "the model does not know these pictures; check that it is the right file"));
}

}  // namespace

std::string label_rule_text(LabelRule rule, std::string_view source, std::size_t count) {
  if (rule == LabelRule::position) {
    return fmt::format("class folder i of {}, sorted by name, is class i of the model", count);
  }
  const std::string_view many = count == 1 ? "" : "s";
  const std::string_view of = source == label_source_name(LabelSource::list)     ? " of the list"
                              : source == label_source_name(LabelSource::shards) ? " of the shards"
                              : source == label_source_name(LabelSource::bins)   ? " of labels.npy"
                                                                                 : "";
  const std::string_view word = source == label_source_name(LabelSource::folders) ? "class folder" : "label";
  const std::string_view means = rule == LabelRule::index ? "number" : rule == LabelRule::name ? "name" : "WordNet id";
  return fmt::format("{} {}{}{} {} {}{} of the model's classes", count, word, many, of, count == 1 ? "is a" : "are",
                     means, many);
}

Exit show_evaluation(const Evaluation& evaluation, EvaluationView view) {
  print_result(evaluation, view);
  warn(evaluation);
  if (evaluation.skipped == 0) return exit_ok;
  report_error(fmt::format("{} of {} pictures could not be read and are not counted", evaluation.skipped,
                           evaluation.skipped + evaluation.images()));
  return exit_bad_input;
}

}  // namespace smlp::cli
