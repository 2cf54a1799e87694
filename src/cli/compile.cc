// smlp compile: any model file -> one .smlp, with the flags of the guide's converter.
#include "tasks/compile.h"

#include "cli/command.h"
#include "cli/console.h"
#include "cli/guide_log.h"
#include "cli/info_parts.h"
#include "cli/input_remarks.h"
#include "cli/preprocess_options.h"
#include "cli/progress.h"
#include "tasks/provenance.h"

namespace smlp::cli {
namespace {

struct Options {
  CompileOptions compile;
  int framework = -1;
  bool json = false;
  std::string input_format, input_shape, soc_version, log = "info", precision;
  std::vector<std::string> calibrate, data;
};

// What the guide's converter calls a framework; what we read is told by content.
std::string_view framework_name(int number) {
  switch (number) {
    case 0:
      return "Caffe";
    case 1:
      return "MindSpore";
    case 3:
      return "TensorFlow";
    default:
      return "ONNX";
  }
}

// The error of a file that could not be read, and what --framework has to do with it.
Error explain_framework(const Options& options, Error error) {
  if (options.framework >= 0 && options.framework != 5) {
    error.remedy += fmt::format(
        "{}--framework={} is {}, which smlp does not read; it reads ONNX (--framework=5), "
        "PyTorch checkpoints, safetensors and .smlp",
        error.remedy.empty() ? "" : "; ", options.framework, framework_name(options.framework));
  }
  return error;
}

Result<void> list_pictures(Options& options) {
  if (options.calibrate.empty()) return {};
  InputLister lister(LabelUse::none);
  for (const std::string& name : options.calibrate) SMLP_CHECK(lister.add(name));
  SMLP_TRY(inputs, lister.finish());
  report_remarks(inputs);
  options.compile.calibration.pictures = std::move(inputs.files);
  if (options.data.empty()) return {};
  InputLister judged(LabelUse::required);
  for (const std::string& name : options.data) SMLP_CHECK(judged.add(name));
  SMLP_TRY(labelled, judged.finish());
  report_remarks(labelled);
  options.compile.judged = std::move(labelled);
  return {};
}

Json report_json(const Options& options, const CompileReport& report, const Provenance& provenance) {
  const Network& network = report.network;
  return {{"model", options.compile.model.string()},
          {"output", report.output.string()},
          {"bytes", report.output_bytes},
          {"config", config_json(network.config)},
          {"parameters", network.config.parameters()},
          {"precision", precision_name(network.precision)},
          {"gelu", gelu_precision_name(network.gelu)},
          {"batch", network.batch > 0 ? Json(network.batch) : Json()},
          {"calibration", network.calibration.empty() ? Json() : Json(network.calibration)},
          {"drop", report.budget ? Json(report.budget->drop) : Json()},
          {"drop_all_int8", report.budget ? Json(report.budget->drop_before) : Json()},
          {"returned_to_bf16", report.budget ? Json(report.budget->returned) : Json()},
          {"op_precision", report.op_precision.empty() ? Json() : Json(report.op_precision.string())},
          {"source", {{"name", network.source_name}, {"sha256", network.source_sha256}}},
          {"provenance", provenance_json(provenance)}};
}

void log_network(const CompileReport& report) {
  const Network& network = report.network;
  const Config& config = network.config;
  log_info("{}: sMLPNet with dim {}, depths {}, alpha {}, patch {}, {} x {} x {} pixels, {} classes, {} parameters",
           network.source_name, config.dim, fmt::join(config.depths, " "), config.alpha, config.patch,
           config.in_channels, config.image, config.image, config.classes, config.parameters());
  log_info(
      "folded: BN2 into the depthwise convolutions, LayerNorm's weight and bias into FC1, the last BN into the head");
  log_info("precision {}, Gelu {}, {}", precision_name(network.precision), gelu_precision_name(network.gelu),
           network.batch > 0 ? fmt::format("batch {} where infer is given none", network.batch) : "any batch");
}

Result<Exit> run(Options& options) {
  if (!options.input_shape.empty()) {
    const auto shape = parse_input_shape(options.input_shape);
    if (!shape) return usage_error(shape.error().message());
    options.compile.input = *shape;
  }
  if (!options.precision.empty()) options.compile.precision = *find_precision(options.precision);
  SMLP_CHECK(list_pictures(options));
  const bool quiet = options.json || options.log == "null";
  if (!options.soc_version.empty() && !quiet) {
    log_info(
        "--soc_version={} names an NPU and means nothing here: the model is packed for this machine's CPU when it "
        "is loaded",
        options.soc_version);
  }
  std::optional<Progress> progress;
  options.compile.progress = [&](std::int64_t done, std::int64_t all) {
    if (!progress) progress.emplace("pictures", all);
    progress->update(done);
  };
  options.compile.budget_progress = [&, begun = false](std::int64_t done, std::int64_t all) mutable {
    if (!begun) progress.emplace("pictures", all);
    begun = true;
    progress->update(done);
  };
  auto report = compile_model(options.compile);
  progress.reset();
  if (report && report->calibration) {
    for (const std::string& warning : report->calibration->warnings) report_warning(warning);
  }
  if (report && report->budget) {
    for (const std::string& warning : report->budget->warnings) report_warning(warning);
  }
  if (!report) return fail(explain_framework(options, std::move(report).error()));
  if (options.framework >= 0 && options.framework != 5 && !quiet) {
    log_info("--framework={} is {}; the file was read as what it holds", options.framework,
             framework_name(options.framework));
  }
  if (options.json) {
    SMLP_TRY(provenance, provenance_of_file(options.compile.model));
    provenance.precision = precision_name(report->network.precision);
    provenance.preprocess = preprocess_text(report->network.preprocess);
    print("{}\n", json_text(report_json(options, *report, provenance)));
    return exit_ok;
  }
  if (options.log == "info" || options.log == "debug") log_network(*report);
  if (!quiet && report->budget) {
    print("int8 loses {:.2f} points, with every product in int8 {:.2f}; {} back in bf16, see {}\n",
          report->budget->drop, report->budget->drop_before, report->budget->returned.size(),
          printable(report->op_precision.string()));
  }
  if (!quiet) {
    print("compiled {} -> {} ({:.1f} MB, {}, SHA-256 of the source {})\n", printable(options.compile.model.string()),
          printable(report->output.string()), static_cast<double>(report->output_bytes) / 1e6,
          precision_name(report->network.precision), printable(report->network.source_sha256));
  }
  return exit_ok;
}

}  // namespace

Run add_compile(CommandLine& line) {
  auto options = std::make_shared<Options>();
  CompileOptions& compile = options->compile;
  line.text("--model", compile.model).plain("FILE").required().help("PyTorch checkpoint, safetensors, ONNX or .smlp");
  line.text("--output", compile.output)
      .plain("NAME")
      .required()
      .help("Where to write: NAME gives NAME.smlp; folders that are missing are made");
  line.choice<int>("--framework", {{"0", 0}, {"1", 1}, {"3", 3}, {"5", 5}}, options->framework);
  line.word("--input-format", {"NCHW"}, options->input_format);
  line.text("--input-shape", options->input_shape);
  line.word("--precision", {"fp32", "bf16", "int8"}, options->precision)
      .help("Of the matrix products: fp32, bf16, or int8, which needs --calibrate (default: the model's own)");
  line.texts("--calibrate", options->calibrate);
  line.number("--calibration-images", compile.calibration.images, 1, 1e6).needs("--calibrate");
  line.choice<RangeMethod>(
          "--calibration-range",
          {{"mse", RangeMethod::mse}, {"minmax", RangeMethod::minmax}, {"percentile", RangeMethod::percentile}},
          compile.calibration.method)
      .needs("--calibrate");
  line.number("--max-drop", compile.max_drop, 0, 100).needs("--calibrate");
  line.texts("--data", options->data).needs("--max-drop").help("Labelled pictures that --max-drop is judged by");
  line.text("--op-precision-mode", compile.op_precision);
  line.text("--classes", compile.classes);
  add_preprocess_options(line, compile.preprocess);
  line.word("--log", {"debug", "info", "warning", "error", "null"}, options->log);
  line.text("--soc-version", options->soc_version);
  line.flag("--json", options->json).help("Write one JSON object instead of a log");
  line.flag("--force", compile.force).help("Replace a compiled model that exists");
  line.examples(
      {"smlp compile --framework=5 --model=smlp_t.onnx --output=smlp_t_bs8 \\\n"
       "    --input_format=NCHW --input_shape=\"input:8,3,224,224\" --log=error \\\n"
       "    --op_precision_mode=op_precision.ini",
       "smlp compile smlp_t.pth smlp_t --precision bf16",
       "smlp compile smlp_t.pth smlp_int8 --precision int8 --calibrate imagenet/train"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
