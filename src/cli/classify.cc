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
#include "tasks/provenance.h"

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

// {"file": "a.jpg", "top": [{"index": 3, "label": "...", "probability": 0.93}], "error": null, "provenance": {...}}
std::string json_line(const std::string& name, const Result<Answer>& answer, const Json& provenance) {
  Json top = Json::array();
  if (answer) {
    for (const Prediction& p : *answer) {
      top.push_back({{"index", p.index}, {"label", p.label}, {"probability", p.probability}});
    }
  }
  return json_text({{"file", name},
                    {"top", std::move(top)},
                    {"error", answer ? Json() : Json(answer.error().message())},
                    {"provenance", provenance}}) +
         "\n";
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

std::string render(const std::string& name, const Answer& answer) {
  return output_is_terminal() ? block(name, answer) : tabbed_line(name, answer);
}

// All that the words name, and the words that name nothing.
struct Asked {
  Inputs inputs;
  std::vector<std::pair<std::string, Error>> failed;
};

Result<Asked> list(const Options& options, const Model& model) {
  InputLister lister(LabelUse::none);
  std::vector<std::pair<std::string, Error>> failed;
  for (const std::string& word : options.pictures) {
    if (const auto added = lister.add(word); !added) failed.emplace_back(word, added.error());
  }
  SMLP_TRY(inputs, lister.finish());
  SMLP_CHECK(check_prepared(inputs.files, input_spec(model), inputs.warnings));
  SMLP_CHECK(keep_first(inputs.files, options.limit));
  return Asked{std::move(inputs), std::move(failed)};
}

Result<Json> provenance_of_run(const Options& options, const Session& session, const Inputs& inputs) {
  if (!options.json) return Json();
  SMLP_TRY(provenance, provenance_of(session, options.model.model, precision_name(session.precision())));
  provenance.inputs_sha256 = inputs_sha256(inputs);
  return provenance_json(provenance);
}

Result<Exit> run(const Options& options) {
  SMLP_TRY(opened, open_session(options.model));
  SMLP_TRY(listed, list(options, opened.named.model));
  const auto& [inputs, failed] = listed;
  SMLP_TRY(provenance, provenance_of_run(options, opened.session, inputs));
  for (const std::string& warning : inputs.warnings) report_warning(warning);
  int failures = 0;
  const auto show_failure = [&](const std::string& name, const Error& error) {
    if (options.json) write_output(json_line(name, std::unexpected(error), provenance));
    report_error(error);
    ++failures;
  };
  for (const auto& [name, error] : failed) show_failure(name, error);
  const std::size_t pictures = picture_count(inputs.files), asked = pictures + failed.size();
  Progress progress("pictures", static_cast<std::int64_t>(pictures));
  const auto hear = [&](std::size_t done, const std::string& name, const Result<Answer>& answer) -> Result<void> {
    progress.clear();
    if (answer) {
      write_output(options.json ? json_line(name, answer, provenance) : render(name, *answer));
      flush_output();
    } else {
      show_failure(name, answer.error());
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
