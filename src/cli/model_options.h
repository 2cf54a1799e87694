// The options of every command that runs a model.
#pragma once

#include <string>

#include "cli/command_line.h"
#include "smlp/session.h"
#include "tasks/named_model.h"

namespace smlp::cli {

struct ModelOptions {
  std::string model;    // empty: the bundled one
  std::string classes;  // file of class names; empty: the model's own
  SessionOptions session;
  PreprocessOverrides preprocess;
};

// --model, --classes, --threads, --mode, --pin, --precision, --isa. What options.session.pin holds is the default.
// `plain_model`: what the model is called where its file may be given without --model.
void add_model_options(CommandLine& line, ModelOptions& options, std::string_view plain_model = "");

// --precision and --isa alone: the kernels.
void add_kernel_options(CommandLine& line, SessionOptions& session);

// --batch N.
void add_batch_option(CommandLine& line, ModelOptions& options);

// --limit N: the first N inputs.
Option& add_limit_option(CommandLine& line, std::size_t& limit);

// What they ask for.
struct Opened {
  NamedModel named;
  Session session;
};
Result<Opened> open_session(const ModelOptions& options);

}  // namespace smlp::cli
