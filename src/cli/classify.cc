// smlp classify: what photographs show.
#include "tasks/classify.h"

#include "cli/command.h"
#include "cli/console.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/preprocess_options.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "tasks/input_source.h"

namespace smlp::cli {
namespace {

using Answer = std::vector<Prediction>;

struct Options {
  std::vector<std::string> pictures;
  ModelOptions model;
  int top = 5;
  std::size_t limit = SIZE_MAX;
  bool json = false;
};

// {"file": "a.jpg", "top": [{"index": 3, "label": "...", "probability": 0.93}]}
std::string json_line(const std::string& name, const Answer& answer) {
  Json top = Json::array();
  for (const Prediction& p : answer) {
    top.push_back({{"index", p.index}, {"label", p.label}, {"probability", p.probability}});
  }
  return json_text({{"file", name}, {"top", top}}) + "\n";
}

// FILE, LABEL, PROBABILITY, LABEL, PROBABILITY ..., tabs between: for cut and awk.
std::string tabbed_line(const std::string& name, const Answer& answer) {
  std::string line = printable(name);
  for (const Prediction& p : answer) line += fmt::format("\t{}\t{:.4f}", printable(p.label), p.probability);
  return line + "\n";
}

// A table per picture, for people.
std::string block(const std::string& name, const Answer& answer) {
  const bool colour = use_colour();
  Table table({"", "", ""}, {Table::Align::right, Table::Align::left, Table::Align::left});
  for (const Prediction& p : answer) {
    std::string bar;
    for (int i = 0; i < static_cast<int>(p.probability * 20 + 0.5F); ++i) bar += "\u2588";
    table.add({fmt::format("  {:.1f} %", 100 * p.probability), printable(p.label), bar});
  }
  std::string text = table.text(terminal_width());
  if (colour && !answer.empty()) {
    const std::size_t end = text.find('\n');
    text = fmt::format("\x1b[1m{}\x1b[0m{}", text.substr(0, end), text.substr(end));
  }
  return printable(name) + "\n" + text;
}

std::string render(const Options& options, const std::string& name, const Answer& answer) {
  if (options.json) return json_line(name, answer);
  return output_is_terminal() ? block(name, answer) : tabbed_line(name, answer);
}

// All that the words name; a word that names nothing is reported and counted.
Result<Inputs> list(const std::vector<std::string>& words, int& failures) {
  InputLister lister(LabelUse::none);
  for (const std::string& word : words) {
    if (const auto added = lister.add(word); !added) {
      report_error(added.error().message());
      ++failures;
    }
  }
  return lister.finish();
}

Result<Exit> run(const Options& options) {
  SMLP_TRY(opened, open_session(options.model));
  int failures = 0;
  SMLP_TRY(inputs, list(options.pictures, failures));
  SMLP_CHECK(check_prepared(inputs.files, input_spec(opened.named.model), inputs.warnings));
  SMLP_CHECK(keep_first(inputs.files, options.limit));
  for (const std::string& warning : inputs.warnings) report_warning(warning);
  const std::size_t pictures = picture_count(inputs.files);
  const std::size_t asked = pictures + static_cast<std::size_t>(failures);
  Progress progress("pictures", static_cast<std::int64_t>(pictures));
  const auto hear = [&](std::size_t done, const std::string& name, const Result<Answer>& answer) -> Result<void> {
    progress.clear();
    if (answer) {
      write_output(render(options, name, *answer));
      flush_output();
    } else {
      report_error(answer.error().message());
      ++failures;
    }
    if (!output_is_terminal()) progress.update(static_cast<std::int64_t>(done));
    return {};
  };
  SMLP_CHECK(classify_inputs(opened.session, inputs.files, options.top, hear));
  progress.clear();
  if (failures > 0 && asked > 1) report_error(fmt::format("{} of {} could not be classified", failures, asked));
  return failures > 0 ? exit_bad_input : exit_ok;
}

}  // namespace

Run add_classify(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.texts("--data", options->pictures)
      .plain("PICTURE")
      .named("PICTURE")
      .required()
      .help(
          "Pictures, .bin and .npy, folders of them (subfolders too), tar archives and shards (x-{000..004}.tar), "
          "@LIST with a path a "
          "line, or - for a list on stdin");
  line.number("--top", options->top, 1, 1'000'000);
  add_limit_option(line, options->limit);
  line.flag("--json", options->json).help("One JSON object a picture, one a line");
  add_model_options(line, options->model);
  add_preprocess_options(line, options->model.preprocess);
  line.examples({"smlp classify photo.jpg", "smlp classify --top 1 holiday/ | sort -t '\t' -k 2",
                 "smlp classify --model smlp_t.pth --classes imagenet_classes.txt --json photos/"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
