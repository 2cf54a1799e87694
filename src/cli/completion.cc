#include "cli/completion.h"

#include <fmt/ranges.h>

namespace smlp::cli {
namespace {

// `text` inside of single quotes, where bash and zsh know no escape and fish knows two.
std::string quoted(std::string_view text, bool fish) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += fish ? "\\'" : "'\\''";
    } else if (c == '\\' && fish) {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string command_names(std::span<const Command> commands) {
  std::string names;
  for (const Command& command : commands) names += std::string(command.name) + " ";
  return names + "help completion";
}

std::string bash_script(std::span<const Command> commands) {
  std::string values, options;
  for (const Command& command : commands) {
    const CommandLine line = declared(command);
    std::string names = "--help";
    for (const Option& option : line.options()) {
      names += " " + std::string(option.name());
      if (option.is_flag()) continue;
      std::string patterns;
      for_each_spelling(*option.row, [&](std::string_view name) {
        patterns += fmt::format("{}{}:{}", patterns.empty() ? "" : "|", command.name, name);
      });
      // Without words the shell completes names of files.
      values += option.choices.empty()
                    ? fmt::format("    {}) return ;;\n", patterns)
                    : fmt::format("    {}) words='{}' ;;\n", patterns, fmt::join(option.choices, " "));
    }
    options += fmt::format("      {}) words='{}' ;;\n", command.name, names);
  }
  return fmt::format(
      R"(# Completion of smlp for bash: smlp completion bash > ~/.local/share/bash-completion/completions/smlp
_smlp() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} words=
  COMPREPLY=()
  if [[ $COMP_CWORD -eq 1 ]]; then
    mapfile -t COMPREPLY < <(compgen -W '{} --help --version' -- "$current")
    return
  fi
  if [[ $current == '=' ]]; then
    current=
  elif [[ $previous == '=' ]]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  case ${{COMP_WORDS[1]}}:$previous in
{}    completion:completion) words='bash zsh fish' ;;
    help:help) words='{}' ;;
  esac
  if [[ -z $words && $current == -* ]]; then
    case ${{COMP_WORDS[1]}} in
{}    esac
  fi
  [[ -n $words ]] && mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}}
complete -o filenames -o bashdefault -o default -F _smlp smlp
)",
      command_names(commands), values, command_names(commands), options);
}

// Brackets and colons end parts of an argument of zsh's _arguments.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_script(std::span<const Command> commands) {
  std::string text =
      "#compdef smlp\n# Completion of smlp for zsh: smlp completion zsh > DIR/_smlp, DIR in $fpath\n_smlp() {\n";
  text += "  local -a commands=(\n";
  for (const Command& command : commands) {
    text += fmt::format("    {}\n", quoted(fmt::format("{}:{}", command.name, command.summary), false));
  }
  text += "    'help:what a command does'\n    'completion:a script that completes smlp in a shell'\n  )\n";
  text += "  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n";
  text += "  local command=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $command in\n";
  for (const Command& command : commands) {
    text += fmt::format("    {})\n      _arguments \\\n", command.name);
    const CommandLine line = declared(command);
    for (const Option& option : line.options()) {
      std::string spec = fmt::format("{}{}{}[{}]", option.repeats ? "*" : "", option.name(),
                                     option.is_flag() ? "" : "=", zsh_text(option.text));
      if (!option.is_flag()) {
        spec += fmt::format(":{}:{}", zsh_text(option.value),
                            option.choices.empty() ? "_files" : fmt::format("({})", fmt::join(option.choices, " ")));
      }
      text += fmt::format("        {} \\\n", quoted(spec, false));
    }
    text += "        '--help[Print this help]' '*:file:_files' ;;\n";
  }
  return text + fmt::format(
                    "    completion) _values shell bash zsh fish ;;\n    help) _values command {} ;;\n  "
                    "esac\n}}\n_smlp \"$@\"\n",
                    command_names(commands));
}

std::string fish_script(std::span<const Command> commands) {
  std::string text = "# Completion of smlp for fish: smlp completion fish > ~/.config/fish/completions/smlp.fish\n";
  for (const Command& command : commands) {
    text += fmt::format("complete -c smlp -n __fish_use_subcommand -f -a {} -d {}\n", command.name,
                        quoted(command.summary, true));
  }
  text += "complete -c smlp -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n";
  for (const Command& command : commands) {
    const CommandLine line = declared(command);
    for (const Option& option : line.options()) {
      std::string how = option.is_flag() ? "" : " -r";
      if (!option.choices.empty()) how = fmt::format(" -x -a '{}'", fmt::join(option.choices, " "));
      text += fmt::format("complete -c smlp -n '__fish_seen_subcommand_from {}' -l {}{} -d {}\n", command.name,
                          option.name().substr(2), how, quoted(option.text, true));
    }
  }
  return text;
}

}  // namespace

std::optional<std::string> completion_script(std::string_view shell, std::span<const Command> commands) {
  if (shell == "bash") return bash_script(commands);
  if (shell == "zsh") return zsh_script(commands);
  if (shell == "fish") return fish_script(commands);
  return std::nullopt;
}

}  // namespace smlp::cli
