// smlp info: what this machine can run, or what a model file holds.
#include "api/inspect.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/info_parts.h"
#include "cli/json_line.h"

namespace smlp::cli {
namespace {

struct Options {
  std::string file;
  bool json = false;
};

Result<Exit> run(const Options& options) {
  if (options.file.empty()) {
    const Machine machine = inspect_machine();
    write_output(options.json ? json_text(machine_json(machine), 2) + "\n" : machine_text(machine));
    if (!machine.isa_error.empty()) report_warning(machine.isa_error);
    return exit_ok;
  }
  SMLP_TRY(report, inspect_file(options.file));
  write_output(options.json ? json_text(file_json(report), 2) + "\n" : file_text(report));
  return exit_ok;
}

}  // namespace

Run add_info(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("FILE", options->file,
                 "Compiled model, PyTorch checkpoint, safetensors or ONNX, of any network (without it: this machine)")
      ->type_name("");
  app.add_flag("--json", options->json, "Write one JSON object");
  add_examples(app, {"smlp info", "smlp info smlp_t.pth", "smlp info --json model.smlp"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
