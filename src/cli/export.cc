// smlp export: a checkpoint -> ONNX, with the flags of the guide's script.
#include "cli/command.h"
#include "cli/console.h"
#include "tasks/export_model.h"

namespace smlp::cli {
namespace {

Result<Exit> run(const ExportModelOptions& options) {
  SMLP_TRY(report, export_model(options));
  const Config& config = report.config;
  print("exported {} -> {} (opset {}, {:.1f} MB, {}{} parameters, input N x {} x {} x {}, output N x {})\n",
        printable(options.checkpoint.string()), printable(options.onnx.string()), options.opset,
        static_cast<double>(report.bytes) / 1e6, report.model_name.empty() ? "" : report.model_name + ", ",
        config.parameters(), config.in_channels, config.image, config.image, config.classes);
  return exit_ok;
}

}  // namespace

Run add_export(CommandLine& line) {
  auto options = std::make_shared<ExportModelOptions>();
  options->producer_version = SMLP_VERSION;
  line.text("--model", options->checkpoint).plain("FILE").required().help("PyTorch checkpoint, safetensors or ONNX");
  line.text("--output", options->onnx).plain("OUT.onnx").required();
  line.text("--model-name", options->model_name);
  line.number("--opset", options->opset, 0, 1000);
  line.flag("--force", options->force).help("Replace an output that exists");
  line.examples({"smlp export smlp_t.pth smlp_t.onnx",
                 "smlp export --model_name smlpnet_tiny --pth_path smlp_t.pth --onnx_path smlp_t.onnx \\\n"
                 "    --opset_version 11"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
