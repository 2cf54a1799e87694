// What a command is. To add one: write src/cli/NAME.cc with `Run add_NAME(CLI::App&)`, declare it here, and give it a
// line in the table of main.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace smlp::cli {

enum Exit : int { exit_ok = 0, exit_bad_input = 1, exit_usage = 2 };

// The work of a command, called once after its options are parsed. An error becomes the one line
// `smlp: error: ...` and exit_bad_input; a command that went on past some bad pictures returns exit_bad_input itself.
using Run = std::function<Result<Exit>()>;

struct Command {
  std::string_view name;
  std::string_view summary;   // one line of `smlp --help`
  Run (*add)(CLI::App& app);  // declares the options (and examples, by add_examples) and returns the work
};

// Runs the command that the arguments name; the process's exit status.
int run_command(std::span<const Command> commands, int argc, const char* const* argv);

// Examples at the end of a command's --help, one a line.
void add_examples(CLI::App& app, std::initializer_list<std::string_view> lines);

// Reports a usage error that only shows after parsing (options that exclude each other) and returns exit_usage.
Exit usage_error(std::string_view message);

Run add_bench(CLI::App& app);
Run add_classify(CLI::App& app);
Run add_compile(CLI::App& app);
Run add_evaluate(CLI::App& app);
Run add_export(CLI::App& app);
Run add_infer(CLI::App& app);
Run add_info(CLI::App& app);
Run add_postprocess(CLI::App& app);
Run add_preprocess(CLI::App& app);

}  // namespace smlp::cli
