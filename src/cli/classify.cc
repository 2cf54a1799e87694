// smlp classify: what photographs show.
#include "tasks/classify.h"

#include "cli/command.h"
#include "cli/console.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/preprocess_options.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "tasks/pictures.h"

namespace smlp::cli {
namespace {

namespace fs = std::filesystem;
using Answer = std::vector<Prediction>;

struct Options {
  std::vector<std::string> pictures;
  ModelOptions model;
  int top = 5;
  bool json = false;
};

// {"file": "a.jpg", "top": [{"index": 3, "label": "...", "probability": 0.93}]}
std::string json_line(const fs::path& file, const Answer& answer) {
  Json top = Json::array();
  for (const Prediction& p : answer) {
    top.push_back({{"index", p.index}, {"label", p.label}, {"probability", p.probability}});
  }
  return json_text({{"file", file.string()}, {"top", top}}) + "\n";
}

// FILE, LABEL, PROBABILITY, LABEL, PROBABILITY ..., tabs between: for cut and awk.
std::string tabbed_line(const fs::path& file, const Answer& answer) {
  std::string line = printable(file.string());
  for (const Prediction& p : answer) line += fmt::format("\t{}\t{:.4f}", printable(p.label), p.probability);
  return line + "\n";
}

// A table per picture, for people.
std::string block(const fs::path& file, const Answer& answer) {
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
  return printable(file.string()) + "\n" + text;
}

std::string render(const Options& options, const fs::path& file, const Answer& answer) {
  if (options.json) return json_line(file, answer);
  return output_is_terminal() ? block(file, answer) : tabbed_line(file, answer);
}

// Folders are replaced by the pictures in them; one that gives none is reported and counted.
std::vector<fs::path> expand(const std::vector<std::string>& names, int& failures) {
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    const auto found = expand_pictures(name);
    if (found) {
      files.insert(files.end(), found->begin(), found->end());
    } else {
      report_error(found.error().message());
      ++failures;
    }
  }
  return files;
}

Result<Exit> run(const Options& options) {
  SMLP_TRY(opened, open_session(options.model));
  int failures = 0;
  const std::vector<fs::path> files = expand(options.pictures, failures);
  const std::size_t asked = files.size() + static_cast<std::size_t>(failures);
  Progress progress("pictures", std::ssize(files));
  const auto hear = [&](std::size_t i, const Result<Answer>& answer) -> Result<void> {
    progress.clear();
    if (answer) {
      write_output(render(options, files[i], *answer));
      flush_output();
    } else {
      report_error(answer.error().message());
      ++failures;
    }
    if (!output_is_terminal()) progress.update(static_cast<std::int64_t>(i + 1));
    return {};
  };
  SMLP_CHECK(classify_files(opened.session, files, options.top, hear));
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
      .help("JPEG and PNG files, folders of them (subfolders too), @LIST with a path a line, or - for a list on stdin");
  line.number("--top", options->top, 1, 1'000'000);
  line.flag("--json", options->json).help("One JSON object a picture, one a line");
  add_model_options(line, options->model);
  add_preprocess_options(line, options->model.preprocess);
  line.examples({"smlp classify photo.jpg", "smlp classify --top 1 holiday/ | sort -t '\t' -k 2",
                 "smlp classify --model smlp_t.pth --classes imagenet_classes.txt --json photos/"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
