// From the arguments to a command: help, version, misspelt words, exit status.
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/completion.h"
#include "cli/console.h"
#include "cli/help.h"
#include "cli/last_resort.h"
#include "cli/manual.h"
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
      "  smlp completion SHELL a script that completes smlp in bash, zsh or fish\n"
      "\nExample:\n  smlp classify photo.jpg\n"
      "\nExit status: 0 done, 1 something in the input was bad, 2 the command line was.\n");
}

std::vector<std::string> spellings_of(const CommandLine& line) {
  std::vector<std::string> names = {"--help"};
  for (const Option& option : line.options()) {
    for_each_spelling(*option.row, [&](std::string_view spelling) { names.push_back(plain_spelling(spelling)); });
  }
  return names;
}

// The only spelling that starts with what was typed, if that is more than a letter.
std::string completed(std::string_view typed, std::span<const std::string> names) {
  std::string found;
  if (typed.size() < 4) return found;
  for (const std::string& name : names) {
    if (!name.starts_with(typed)) continue;
    if (!found.empty()) return "";
    found = name;
  }
  return found;
}

// The other commands that have the option: "'smlp bench'", "'smlp bench' and 'smlp infer'".
std::string owners_of(const OptionName* row, std::span<const Command> commands) {
  std::vector<std::string> owners;
  for (const Command& command : commands) {
    const CommandLine line = declared(command);
    const bool has = std::ranges::any_of(line.options(), [&](const Option& option) { return option.row == row; });
    if (has) owners.push_back(fmt::format("'smlp {}'", command.name));
  }
  if (owners.size() < 2) return owners.empty() ? "" : owners.front();
  const std::string last = owners.back();
  owners.pop_back();
  return fmt::format("{} and {}", fmt::join(owners, ", "), last);
}

// What a refused option should have been: one of the command's, or another command's.
std::string explain_unknown(const std::string& typed, const CommandLine& line, std::span<const Command> commands) {
  const std::string name = plain_spelling(typed);
  if (const OptionName* row = find_option_name(name)) {
    if (const std::string owners = owners_of(row, commands); !owners.empty()) {
      return fmt::format("unknown option '{}': it belongs to {}", typed, owners);
    }
  }
  const std::vector<std::string> own = spellings_of(line);
  if (const std::string word = completed(name, own); !word.empty()) {
    return fmt::format("unknown option '{}' (did you mean {}?)", typed, word);
  }
  return fmt::format("unknown option '{}'{}", typed, did_you_mean(name, own));
}

int run_parsed(const Run& work) {
  int status = exit_ok;
  if (const auto result = work()) {
    status = *result;
  } else {
    report_error(result.error());
    status = exit_bad_input;
  }
  if (const auto finished = finish_output(); !finished) {
    report_error(finished.error());
    status = exit_bad_input;
  }
  return status;
}

int run_one(const Command& command, std::span<const Command> commands, std::span<const std::string> arguments) {
  CommandLine line;
  const Run work = command.add(line);
  const CommandLine::Parsed parsed = line.parse(arguments);
  if (parsed.help) {
    return run_parsed([&]() -> Result<Exit> {
      write_output(help_text(command, line, std::min(terminal_width(), 100)));
      return exit_ok;
    });
  }
  const std::string wrong = parsed.unknown.empty() ? parsed.error : explain_unknown(parsed.unknown, line, commands);
  if (!wrong.empty()) return usage_error(fmt::format("{}; see 'smlp {} --help'", wrong, command.name));
  return run_parsed(work);
}

// `smlp completion SHELL`
int run_completion(std::span<const Command> commands, std::span<const std::string> arguments) {
  const auto script = arguments.size() == 1 ? completion_script(arguments[0], commands) : std::nullopt;
  if (!script) return usage_error("completion takes the name of a shell: bash, zsh or fish");
  return run_parsed([&]() -> Result<Exit> {
    write_output(*script);
    return exit_ok;
  });
}

// `smlp help --man [COMMAND]`, for the build, which installs the pages.
int run_manual(std::span<const Command> commands, std::span<const std::string> arguments) {
  const auto command =
      std::ranges::find(commands, arguments.empty() ? "" : std::string_view(arguments[0]), &Command::name);
  if (arguments.size() > 1 || (arguments.size() == 1 && command == commands.end())) {
    return usage_error("help --man takes the name of a command, or nothing");
  }
  return run_parsed([&]() -> Result<Exit> {
    write_output(arguments.empty() ? manual_overview(commands) : manual_page(*command));
    return exit_ok;
  });
}

int run_without_command(std::span<const Command> commands, const std::string& word, std::span<const std::string> more) {
  const bool help = word == "--help" || word == "-h" || word == "help";
  if (!more.empty() && (help || word == "--version")) {
    return usage_error(fmt::format("unexpected argument '{}' after {}; see 'smlp --help'", more.front(), word));
  }
  if (help) {
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

CommandLine declared(const Command& command) {
  CommandLine line;
  command.add(line);
  return line;
}

Exit usage_error(std::string_view message) {
  report_error(message);
  return exit_usage;
}

namespace {

int dispatch(std::span<const Command> commands, int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const std::span<const std::string> all = arguments;
  if (!all.empty() && all[0] == "completion") return run_completion(commands, all.subspan(1));
  if (all.size() > 1 && all[0] == "help" && all[1] == "--man") return run_manual(commands, all.subspan(2));
  if (arguments.size() == 2 && arguments[0] == "help") arguments = {arguments[1], "--help"};

  const std::string word = arguments.empty() ? "" : with_plain_dashes(arguments.front());
  const auto command = std::ranges::find(commands, word, &Command::name);
  const auto more = std::span(arguments).subspan(std::min<std::size_t>(arguments.size(), 1));
  return command == commands.end() ? run_without_command(commands, word, more) : run_one(*command, commands, more);
}

}  // namespace

int run_command(std::span<const Command> commands, int argc, const char* const* argv) {
  prepare_streams();
  try {
    return dispatch(commands, argc, argv);
  } catch (...) {
    report_exception();
    return exit_bad_input;
  }
}

}  // namespace smlp::cli
