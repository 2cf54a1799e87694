// The options of every command that runs a model.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "smlp/session.h"
#include "tasks/named_model.h"

namespace smlp::cli {

struct ModelOptions {
  std::string model;    // empty: the bundled one
  std::string classes;  // file of class names; empty: the model's own
  SessionOptions session;
};

// --model, --classes, --threads, --mode, --pin, --precision, --isa. What options.session.pin holds is the default.
void add_model_options(CLI::App& app, ModelOptions& options);

// --batch N.
void add_batch_option(CLI::App& app, ModelOptions& options);

// What they ask for.
struct Opened {
  NamedModel named;
  Session session;
};
Result<Opened> open_session(const ModelOptions& options);

}  // namespace smlp::cli
