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

Run add_export(CLI::App& app) {
  auto options = std::make_shared<ExportModelOptions>();
  options->producer_version = SMLP_VERSION;
  app.add_option("--pth_path,--pth-path", options->checkpoint, "PyTorch checkpoint, safetensors or ONNX")->required();
  app.add_option("--onnx_path,--onnx-path", options->onnx, "Where to write")->required();
  app.add_option("--model_name,--model-name", options->model_name,
                 "smlpnet_tiny, smlpnet_small or smlpnet_base, checked against the checkpoint; auto: whatever it holds")
      ->capture_default_str();
  app.add_option("--opset_version,--opset-version", options->opset,
                 "ONNX opset, 11 to 23: LayerNormalization from 17 on, Gelu from 20 on")
      ->capture_default_str();
  app.add_flag("--force", options->force, "Replace an output that exists");
  add_examples(
      app, {"smlp export --model_name smlpnet_tiny --pth_path smlp_t.pth --onnx_path smlp_t.onnx --opset_version 11"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
