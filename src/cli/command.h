// What a command is. To add one: write src/cli/NAME.cc with `Run add_NAME(CommandLine&)`, declare it here, and give it
// a line in the table of main.cc.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "cli/command_line.h"

namespace smlp::cli {

enum Exit : int { exit_ok = 0, exit_bad_input = 1, exit_usage = 2 };

// The work of a command, called once after its options are parsed. An error becomes the one line
// `smlp: error: ...` and exit_bad_input; a command that went on past some bad pictures returns exit_bad_input itself.
using Run = std::function<Result<Exit>()>;

struct Command {
  std::string_view name;
  std::string_view summary;       // one line of `smlp --help`
  Run (*add)(CommandLine& line);  // declares the options and examples, and returns the work
};

// The options of a command, to be read: nothing is bound any more.
CommandLine declared(const Command& command);

// Runs the command that the arguments name; the process's exit status.
int run_command(std::span<const Command> commands, int argc, const char* const* argv);

// Reports a usage error that only shows after parsing (options that exclude each other) and returns exit_usage.
Exit usage_error(std::string_view message);

Run add_bench(CommandLine& line);
Run add_classify(CommandLine& line);
Run add_compare(CommandLine& line);
Run add_compile(CommandLine& line);
Run add_evaluate(CommandLine& line);
Run add_export(CommandLine& line);
Run add_infer(CommandLine& line);
Run add_info(CommandLine& line);
Run add_merge(CommandLine& line);
Run add_postprocess(CommandLine& line);
Run add_preprocess(CommandLine& line);
Run add_serve(CommandLine& line);

}  // namespace smlp::cli
