// From the arguments to a command: help, version, misspelt words, exit status.
#include <algorithm>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/last_resort.h"
#include "cli/suggest.h"

namespace smlp::cli {
namespace {

std::string did_you_mean(std::string_view typed, std::span<const std::string> known) {
  const std::string word = nearest_word(typed, known);
  return word.empty() ? "" : fmt::format(" (did you mean {}?)", word);
}

void print_overview(std::span<const Command> commands) {
  print("smlp classifies pictures with sMLPNet: a complete offline inference system.\n\n");
  print("Usage: smlp COMMAND [OPTIONS]\n\nCommands:\n");
  for (const Command& command : commands) print("  {:<12} {}\n", command.name, command.summary);
  print(
      "\n  smlp COMMAND --help   what a command does, its options and an example\n"
      "  smlp --version        the version\n"
      "\nExample:\n  smlp classify photo.jpg\n"
      "\nExit status: 0 done, 1 something in the input was bad, 2 the command line was.\n");
}

// Bytes of the dash at the start of `text`, ASCII or of typeset text (hyphens, dashes, minus sign); 0 for none.
std::size_t dash_length(std::string_view text) {
  for (const std::string_view dash : {"-", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212"}) {
    if (text.starts_with(dash)) return dash.size();
  }
  return 0;
}

// Texts copied from web pages and documents carry other dashes for one or both of `--`: the guide prints `–-batchsize`.
std::string with_plain_dashes(std::string argument) {
  std::size_t end = 0;
  bool typeset = false;
  while (const std::size_t length = dash_length(std::string_view(argument).substr(end))) {
    typeset = typeset || length > 1;
    end += length;
  }
  return typeset ? argument.replace(0, end, "--") : argument;
}

// CLI11 takes an argument in brackets for a list; ours are names of files, such as a folder [2020].
std::string without_brackets(std::string argument) {
  const bool bracketed = argument.starts_with('[') && argument.ends_with(']');
  return bracketed ? argument.insert(0, "./") : argument;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

// CLI11 names the first problem it meets; a misspelt option is the likelier cause of a missing one.
std::string explain(const CLI::App& app, const CLI::ParseError& error) {
  for (const std::string& word : app.remaining()) {
    if (word.size() < 2 || word.front() != '-') continue;
    const std::string name = word.substr(0, word.find('='));
    return fmt::format("unknown option '{}'{}", name, did_you_mean(name, option_names(app)));
  }
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    const auto rest = app.remaining();
    return fmt::format("unexpected argument '{}'", rest.empty() ? "" : rest.front());
  }
  return error.what();
}

// An empty value, as of a shell variable that is not set, names no file and no number; it never means "the default".
// CLI11 would take `--model=` for an option whose value follows. Empty text where every argument has a value.
std::string empty_argument(std::span<const std::string> arguments) {
  bool options_ended = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    options_ended = options_ended || word == "--";
    if (!options_ended && word.starts_with("--") && word.ends_with('=')) return fmt::format("'{}' has no value", word);
    if (!word.empty()) continue;
    const bool follows_option = i > 0 && arguments[i - 1].starts_with('-');
    return follows_option ? fmt::format("'{}' has an empty value", arguments[i - 1]) : "an argument is empty";
  }
  return "";
}

int run_parsed(const Run& work) {
  int status = exit_ok;
  if (const auto result = work()) {
    status = *result;
  } else {
    report_error(result.error().message());
    status = exit_bad_input;
  }
  if (const auto finished = finish_output(); !finished) {
    report_error(finished.error().message());
    status = exit_bad_input;
  }
  return status;
}

int run_one(const Command& command, std::vector<std::string> arguments) {
  if (const std::string problem = empty_argument(arguments); !problem.empty()) {
    return usage_error(fmt::format("{}; see 'smlp {} --help'", problem, command.name));
  }
  CLI::App app(std::string(command.summary), "smlp " + std::string(command.name));
  app.get_formatter()->column_width(34);
  const Run work = command.add(app);
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return run_parsed([&]() -> Result<Exit> {
      write_output(app.help());
      return exit_ok;
    });
  } catch (const CLI::ParseError& error) {
    return usage_error(fmt::format("{}; see 'smlp {} --help'", explain(app, error), command.name));
  }
  return run_parsed(work);
}

int run_without_command(std::span<const Command> commands, const std::string& word) {
  if (word == "--help" || word == "-h" || word == "help") {
    return run_parsed([&]() -> Result<Exit> {
      print_overview(commands);
      return exit_ok;
    });
  }
  if (word == "--version") {
    return run_parsed([]() -> Result<Exit> {
      print("smlp {}\n", SMLP_VERSION);
      return exit_ok;
    });
  }
  std::vector<std::string> known = {"--help", "--version"};
  for (const Command& command : commands) known.emplace_back(command.name);
  if (word.empty()) return usage_error("no command given; see 'smlp --help'");
  return usage_error(fmt::format("unknown {} '{}'{}; see 'smlp --help'", word.front() == '-' ? "option" : "command",
                                 word, did_you_mean(word, known)));
}

}  // namespace

void add_examples(CLI::App& app, std::initializer_list<std::string_view> lines) {
  std::string text = lines.size() == 1 ? "Example:" : "Examples:";
  for (const std::string_view line : lines) text += "\n  " + std::string(line);
  app.footer(text + "\n");
}

Exit usage_error(std::string_view message) {
  report_error(message);
  return exit_usage;
}

namespace {

int dispatch(std::span<const Command> commands, int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  bool options_ended = false;
  for (int i = 1; i < argc; ++i) {
    options_ended = options_ended || std::string_view(argv[i]) == "--";
    arguments.push_back(without_brackets(options_ended ? argv[i] : with_plain_dashes(argv[i])));
  }
  if (arguments.size() == 2 && arguments[0] == "help") arguments = {arguments[1], "--help"};

  const std::string word = arguments.empty() ? "" : arguments.front();
  const auto command = std::ranges::find(commands, word, &Command::name);
  if (command == commands.end()) return run_without_command(commands, word);
  arguments.erase(arguments.begin());
  return run_one(*command, std::move(arguments));
}

}  // namespace

int run_command(std::span<const Command> commands, int argc, const char* const* argv) {
  prepare_streams();
  end_in_one_line();
  try {
    return dispatch(commands, argc, argv);
  } catch (...) {
    report_exception();
    return exit_bad_input;
  }
}

}  // namespace smlp::cli
