// smlp export: a checkpoint or a compiled model -> ONNX, with the flags of the guide's script.
#include "cli/command.h"
#include "cli/console.h"
#include "cli/info_parts.h"
#include "tasks/export_model.h"
#include "tasks/provenance.h"

namespace smlp::cli {
namespace {

struct Options {
  ExportModelOptions model;
  bool json = false;
};

Result<Json> report_json(const ExportModelOptions& options, const ExportModelReport& report) {
  SMLP_TRY(provenance, provenance_of_file(options.checkpoint));
  return Json{{"model", options.checkpoint.string()},
              {"output", options.onnx.string()},
              {"bytes", report.bytes},
              {"opset", options.opset},
              {"model_name", report.model_name.empty() ? Json() : Json(report.model_name)},
              {"precision", report.compiled ? Json(precision_name(*report.compiled)) : Json()},
              {"config", config_json(report.config)},
              {"parameters", report.config.parameters()},
              {"provenance", provenance_json(provenance)}};
}

// What a compiled model has that the file says in another way.
std::string what_is_other(const ExportModelReport& report) {
  std::string lines;
  if (report.compiled == Precision::bf16)
    lines += "  its bf16 weights are written as float32, and so is everything computed\n";
  if (report.compiled == Precision::int8) {
    lines += "  products in int8 stand between QuantizeLinear and DequantizeLinear; all else is float32\n";
  }
  if (report.gelu_differs) lines += "  GELU is the exact one, the model's is Gelu=high_performance\n";
  return lines;
}

Result<Exit> run(const Options& all) {
  const ExportModelOptions& options = all.model;
  SMLP_TRY(report, export_model(options));
  const Config& config = report.config;
  if (all.json) {
    SMLP_TRY(json, report_json(options, report));
    print("{}\n", json_text(json));
    return exit_ok;
  }
  print("exported {} -> {} (opset {}, {:.1f} MB, {}{} parameters, input N x {} x {} x {}, output N x {})\n",
        printable(options.checkpoint.string()), printable(options.onnx.string()), options.opset,
        static_cast<double>(report.bytes) / 1e6, report.model_name.empty() ? "" : report.model_name + ", ",
        config.parameters(), config.in_channels, config.image, config.image, config.classes);
  print("{}", what_is_other(report));
  return exit_ok;
}

}  // namespace

Run add_export(CommandLine& line) {
  auto all = std::make_shared<Options>();
  ExportModelOptions* options = &all->model;
  options->producer_version = SMLP_VERSION;
  line.text("--model", options->checkpoint)
      .plain("FILE")
      .required()
      .help("PyTorch checkpoint, safetensors, ONNX or .smlp");
  line.text("--output", options->onnx).plain("OUT.onnx").required();
  line.text("--model-name", options->model_name);
  line.number("--opset", options->opset, 0, 1000);
  line.flag("--json", all->json);
  line.flag("--force", options->force).help("Replace an ONNX model that exists");
  line.examples({"smlp export smlp_t.pth smlp_t.onnx", "smlp export net_int8.smlp net_int8.onnx --opset 13",
                 "smlp export --model_name smlpnet_tiny --pth_path smlp_t.pth \\\n"
                 "    --onnx_path smlp_t.onnx --opset_version 11"});
  return [all] { return run(*all); };
}

}  // namespace smlp::cli
