#include "cli/model_options.h"

#include "tasks/machine.h"

namespace smlp::cli {

void add_model_options(CLI::App& app, ModelOptions& options) {
  app.add_option("--model", options.model,
                 "Compiled model, PyTorch checkpoint, safetensors or ONNX (default: the bundled Imagenette model)")
      ->type_name("FILE");
  app.add_option("--classes", options.classes,
                 "Class names, one a line in the order of the classes, or lines of `n01440764 name`")
      ->type_name("FILE");
  app.add_option("--threads", options.session.threads, "Threads (default: as many as this process may use)")
      ->check(CLI::Range(1, 4096).description(""))
      ->type_name("N");
  app.add_option_function<std::string>(
         "--mode", [&options](const std::string& word) { options.session.mode = *find_mode(word); },
         "throughput: each thread takes its own pictures; latency: all share each; automatic: by their number")
      ->check(CLI::IsMember({"automatic", "throughput", "latency"}).description(""))
      ->type_name("M");
  bool& pin = options.session.pin;
  const char* by_default =
      pin ? "default: yes, for steady times" : "default: no, so that programs share the machine well";
  auto* yes = app.add_flag("--pin", pin, fmt::format("Keep each thread on a processor of its own ({})", by_default));
  app.add_flag_callback(
         "--no-pin", [&pin] { pin = false; }, "Leave the threads to the system")
      ->excludes(yes);
  app.add_option_function<std::string>(
         "--precision", [&options](const std::string& word) { options.session.precision = *find_precision(word); },
         "fp32 or bf16 (default: the model's own)")
      ->check(CLI::IsMember({"fp32", "bf16"}).description(""))
      ->type_name("P");
  app.add_option("--isa", options.session.isa, "Kernels to use (default: SMLP_ISA, or the best; see `smlp info`)")
      ->check(CLI::IsMember(isa_names()).description(""))
      ->type_name("ISA");
}

void add_batch_option(CLI::App& app, ModelOptions& options) {
  app.add_option("--batch", options.session.batch, "Pictures that go through the network together (default: 8)")
      ->check(CLI::Range(1, 4096).description(""))
      ->type_name("N");
}

Result<Opened> open_session(const ModelOptions& options) {
  SMLP_TRY(named, load_named_model(options.model, options.classes));
  SMLP_TRY(session, Session::create(named.model, options.session));
  return Opened{std::move(named), std::move(session)};
}

}  // namespace smlp::cli
