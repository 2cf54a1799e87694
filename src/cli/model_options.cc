#include "cli/model_options.h"

#include <fmt/format.h>

#include "tasks/machine.h"

namespace smlp::cli {

void add_model_options(CommandLine& line, ModelOptions& options, std::string_view plain_model) {
  line.text("--model", options.model).plain(plain_model);
  line.text("--classes", options.classes);
  line.number("--threads", options.session.threads, 1, 4096);
  line.choice<Mode>("--mode",
                    {{"automatic", Mode::automatic}, {"throughput", Mode::throughput}, {"latency", Mode::latency}},
                    options.session.mode);
  bool& pin = options.session.pin;
  const char* by_default =
      pin ? "default: yes, for steady times" : "default: no, so that programs share the machine well";
  line.flag("--pin", pin).help(fmt::format("Keep each thread on a processor of its own ({})", by_default));
  line.flag("--no-pin", pin, false).excludes("--pin");
  add_kernel_options(line, options.session);
}

void add_kernel_options(CommandLine& line, SessionOptions& session) {
  line.choice<Precision>("--precision",
                         {{"fp32", Precision::fp32}, {"bf16", Precision::bf16}, {"int8", Precision::int8}},
                         session.precision);
  line.word("--isa", isa_names(), session.isa);
}

void add_batch_option(CommandLine& line, ModelOptions& options) {
  line.number("--batch", options.session.batch, 1, 4096);
}

Option& add_limit_option(CommandLine& line, std::size_t& limit) { return line.number("--limit", limit, 1, 1e12); }

Result<Opened> open_session(const ModelOptions& options) {
  SMLP_TRY(named, load_named_model(options.model, options.classes, options.preprocess));
  SMLP_TRY(session, Session::create(named.model, options.session));
  return Opened{std::move(named), std::move(session)};
}

}  // namespace smlp::cli
