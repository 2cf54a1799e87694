// smlp info: what this machine can run, what a model file holds, or what a precision costs a model.
#include "cli/command.h"
#include "cli/console.h"
#include "cli/info_parts.h"
#include "cli/input_remarks.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/preprocess_options.h"
#include "cli/progress.h"
#include "cli/suggest.h"
#include "tasks/inspect.h"
#include "tasks/named_model.h"
#include "tasks/provenance.h"

namespace smlp::cli {
namespace {

struct Options {
  std::string file;
  bool json = false, tensors = false;
  PreprocessOverrides preprocess;
  std::string compare;  // "fp32,bf16"; empty: no comparison
  std::vector<std::string> pictures;
  std::size_t limit = SIZE_MAX;
};

// What is wrong with the words of --compare, or an empty text; they go to `options`.
std::string read_precisions(const std::string& words, ComparisonOptions& options) {
  const std::size_t comma = words.find(',');
  if (comma == std::string::npos) {
    return fmt::format("--compare takes two precisions with a comma between, such as fp32,bf16, not '{}'", words);
  }
  const std::string first = words.substr(0, comma), second = words.substr(comma + 1);
  const Precision* exact = find_precision(first);
  if (exact == nullptr) return "--compare: " + unknown_precision(first);
  const Precision* tried = find_precision(second);
  if (tried == nullptr) return "--compare: " + unknown_precision(second);
  if (*exact == *tried) return fmt::format("--compare: '{}' names one precision twice", words);
  options.exact = *exact;
  options.tried = *tried;
  return "";
}

Result<Exit> compare(const Options& options) {
  ComparisonOptions comparison;
  if (const std::string wrong = read_precisions(options.compare, comparison); !wrong.empty()) return usage_error(wrong);
  InputLister lister(LabelUse::none);
  for (const std::string& name : options.pictures) SMLP_CHECK(lister.add(name));
  SMLP_TRY(inputs, lister.finish());
  report_remarks(inputs);
  comparison.pictures = std::move(inputs.files);
  comparison.limit = options.limit;
  SMLP_TRY(named, load_named_model(options.file, {}, options.preprocess));
  const std::shared_ptr<const Network>& network = named.model.network();
  std::optional<Progress> progress;
  auto compared = compare_precisions(network, comparison, [&](std::int64_t done, std::int64_t all) {
    if (!progress) progress.emplace("pictures", all);
    progress->update(done);
  });
  progress.reset();
  if (!compared) return fail(std::move(compared).error());
  const std::string& name = options.file.empty() ? network->source_name : options.file;
  SMLP_TRY(provenance, provenance_of_file(options.file));
  provenance.preprocess = preprocess_text(network->preprocess);
  Json json = comparison_json(name, comparison, *compared);
  json["provenance"] = provenance_json(provenance);
  write_output(options.json ? json_text(json, 2) + "\n" : comparison_text(name, *network, comparison, *compared));
  return exit_ok;
}

Result<Exit> run(const Options& options) {
  if (!options.compare.empty()) return compare(options);
  if (options.file.empty()) {
    if (options.tensors) return usage_error("--tensors needs a FILE");
    const Machine machine = inspect_machine();
    Json json = machine_json(machine);
    json["provenance"] = provenance_json(program_provenance());
    write_output(options.json ? json_text(json, 2) + "\n" : machine_text(machine));
    if (!machine.isa_error.empty()) report_warning(machine.isa_error);
    return exit_ok;
  }
  SMLP_TRY(report, inspect_file(options.file));
  Json json = file_json(report);
  Provenance provenance = program_provenance();
  provenance.model = report.path;
  provenance.model_sha256 = report.sha256;
  json["provenance"] = provenance_json(provenance);
  write_output(options.json ? json_text(json, 2) + "\n" : file_text(report, options.tensors));
  return exit_ok;
}

}  // namespace

Run add_info(CommandLine& line) {
  auto options = std::make_shared<Options>();
  line.text("--model", options->file)
      .plain("FILE")
      .help("Compiled model, PyTorch checkpoint, safetensors or ONNX, of any network (without it: this machine)");
  line.flag("--tensors", options->tensors);
  line.flag("--json", options->json);
  line.text("--compare", options->compare)
      .excludes("--tensors")
      .named("P,P")
      .help(
          "Run the model (without FILE: the bundled one) in two precisions and print how far each layer's output "
          "of the second is from the first's");
  line.texts("--picture", options->pictures)
      .needs("--compare")
      .help("Picture, folder, archive or @LIST of pictures to compare on; may be repeated (default: 16 made-up ones)");
  add_limit_option(line, options->limit).needs("--picture");
  add_preprocess_options(line, options->preprocess, {"--picture"});
  line.examples(
      {"smlp info", "smlp info smlp_t.pth", "smlp info --json model.smlp", "smlp info smlp_t.pth --compare fp32,bf16"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
