// smlp serve: the Open Inference Protocol over HTTP and gRPC.
#include "cli/command.h"
#include "cli/console.h"
#include "cli/model_options.h"
#include "server/server.h"

namespace smlp::cli {
namespace {

struct Options {
  std::vector<std::string> models;
  server::ServerOptions server;
  bool no_grpc = false;
  std::int64_t delay_us = 2000, timeout_ms = 0, exit_s = 30;
};

bool is_version(std::string_view text) {
  return !text.empty() && text.size() <= 9 && text.front() != '0' &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Whether requests can say it: /v2/models/NAME. Clients take "." and ".." away; "stats" there is that of all models.
bool is_part_of_path(std::string_view name) { return name != "." && name != ".." && name != "stats"; }

// [NAME[:VERSION]=]FILE. Without a name it is the file's, without the ending.
Result<server::ModelFile> model_file(const std::string& word) {
  const std::size_t equals = word.find('=');
  const bool named = equals != std::string::npos;
  server::ModelFile model{.name = {}, .file = named ? word.substr(equals + 1) : word};
  model.name = named ? word.substr(0, equals) : model.file.stem().string();
  if (const std::size_t colon = model.name.rfind(':'); named && colon != std::string::npos) {
    model.version = model.name.substr(colon + 1);
    model.name.resize(colon);
    if (!is_version(model.version)) return fail("--model {}: a version is a whole number from 1 on", word);
  }
  if (model.name.empty() || model.file.empty())
    return fail("--model {}: expected NAME=FILE or NAME:VERSION=FILE", word);
  if (!is_part_of_path(model.name)) {
    return fail(Error{.what = fmt::format("--model {}: requests could not name '{}' in a path", word, model.name),
                      .remedy = "choose another name, as NAME=FILE"});
  }
  return model;
}

Result<void> take_models(Options& options) {
  for (const std::string& word : options.models) {
    SMLP_TRY(model, model_file(word));
    for (const server::ModelFile& other : options.server.models) {
      if (other.name != model.name || other.version != model.version) continue;
      return fail(Error{.what = fmt::format("model '{}', version {} is given twice", model.name, model.version),
                        .remedy = "name them, as NAME=FILE or NAME:VERSION=FILE"});
    }
    options.server.models.push_back(std::move(model));
  }
  return {};
}

Result<Exit> run(Options& options) {
  SMLP_CHECK(take_models(options));
  options.server.batching.max_delay = std::chrono::microseconds(options.delay_us);
  options.server.batching.timeout = std::chrono::milliseconds(options.timeout_ms);
  options.server.exit_timeout = std::chrono::seconds(options.exit_s);
  if (options.no_grpc) options.server.grpc_port.reset();
  const auto listening = [&](const server::Ports& ports) {
    const bool six = options.server.address.find(':') != std::string::npos;
    const std::string host = six ? "[" + options.server.address + "]" : options.server.address;
    const std::string_view tls = options.server.tls_certificate.empty() ? "" : "s";
    print("http{}://{}:{}\n", tls, host, ports.http);
    if (ports.grpc) print("grpc{}://{}:{}\n", tls, host, *ports.grpc);
    for (const server::ModelFile& model : options.server.models) {
      print("  model {} version {}: {}\n", printable(model.name), model.version, printable(model.file.string()));
    }
    if (options.server.models.empty()) print("  model smlp version 1: the bundled one\n");
    flush_output();
  };
  SMLP_CHECK(server::serve(options.server, listening));
  return exit_ok;
}

}  // namespace

Run add_serve(CommandLine& line) {
  auto options = std::make_shared<Options>();
  server::ServerOptions& server = options->server;
  line.texts("--model", options->models)
      .plain("FILE")
      .named("[NAME[:VERSION]=]FILE")
      .help(
          "A model to serve, under its file's name or another; may be repeated (default: the bundled model, as smlp)");
  line.text("--address", server.address);
  line.number("--http-port", server.http_port, 0, 65535);
  line.number("--grpc-port", *server.grpc_port, 0, 65535);
  line.flag("--no-grpc", options->no_grpc);
  line.text("--api-key-file", server.api_key_file);
  line.text("--tls-cert", server.tls_certificate).needs("--tls-key");
  line.text("--tls-key", server.tls_key).needs("--tls-cert");
  line.text("--trace-file", server.trace_file);
  line.flag("--force", server.replace_trace).help("Replace the trace of an earlier server").needs("--trace-file");
  line.number("--max-batch", server.batching.max_batch, 1, 4096);
  line.number("--max-delay-us", options->delay_us, 0, 10'000'000);
  line.number("--max-queue", server.batching.max_queue, 1, 1'000'000);
  line.number("--timeout-ms", options->timeout_ms, 0, 86'400'000);
  line.number("--threads", server.session.threads, 1, 4096);
  add_kernel_options(line, server.session);
  line.number("--max-request-bytes", server.max_request_bytes, 1024, 4294967296.0);
  line.number("--max-connections", server.max_connections, 1, 1'000'000);
  line.number("--exit-timeout-secs", options->exit_s, 0, 86'400);
  line.file("--config");
  line.examples({"smlp serve", "smlp serve --model tiny=smlp_t.smlp --http-port 8080 --max-delay-us 5000",
                 "curl -H 'Content-Type: image/jpeg' --data-binary @photo.jpg \\\n"
                 "    localhost:8000/v2/models/smlp/infer"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
