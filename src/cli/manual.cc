#include "cli/manual.h"

#include <fmt/format.h>

#include "cli/help.h"
#include "cli/table.h"

namespace smlp::cli {
namespace {

constexpr std::string_view kDate = "2026-11-24";  // of the last change to what the pages say
constexpr int kSourceWidth = 60;                  // escapes make lines longer

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

// Text that troff prints as it is, wherever it stands in a line.
std::string escaped(std::string_view text) {
  std::string out = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
  for (const char c : text) {
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string filled(std::string_view text) {
  std::string out;
  for (const std::string& line : wrapped(text, kSourceWidth)) out += escaped(line) + "\n";
  return out;
}

std::string heading(std::string_view title) {
  return fmt::format(".TH {} 1 {} \"smlp {}\" \"smlp manual\"\n.nh\n", title, kDate, SMLP_VERSION);
}

std::string option_entry(const Option& option) {
  std::string head = fmt::format("\\fB{}\\fR", escaped(option.name()));
  if (!option.is_flag()) head += fmt::format(" \\fI{}\\fR", escaped(option.value));
  std::string text = fmt::format(".TP\n{}\n{}", head, filled(option.text + "."));
  if (!option.choices.empty()) {
    std::string words;
    for (const std::string& choice : option.choices) words += (words.empty() ? "" : ", ") + choice;
    text += filled("Values: " + words + ".");
  }
  if (!option.word.empty()) text += filled(fmt::format("{} may stand without {}.", option.word, option.name()));
  if (const std::string others = other_spellings(*option.row); !others.empty()) text += filled("Also: " + others + ".");
  return text;
}

constexpr std::string_view kExitStatus =
    ".SH EXIT STATUS\n0: done.\n1: something in the input was bad.\n2: the command line was.\n";

}  // namespace

std::string manual_page(const Command& command) {
  const CommandLine line = declared(command);
  std::string text = heading(fmt::format("SMLP\\-{}", upper(command.name)));
  text += fmt::format(".SH NAME\nsmlp\\-{} \\- {}\n", command.name, escaped(command.summary));
  text += fmt::format(".SH SYNOPSIS\n\\fBsmlp {}\\fR\n{}", command.name, filled(synopsis(line)));
  text += ".SH OPTIONS\nDashes and underscores in names are the same.\n";
  for (const Option& option : line.options()) text += option_entry(option);
  text += ".SH EXAMPLES\n";
  for (const std::string& example : line.example_lines()) {
    text += example == line.example_lines().front() ? ".EX\n" : ".PP\n.EX\n";
    std::string_view rest = example;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      text += escaped(rest.substr(0, end)) + "\n";
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    text += ".EE\n";
  }
  text += kExitStatus;
  if (command.name == "bench") text += "3: \\-\\-compare found the second file slower.\n";
  return text + ".SH SEE ALSO\n.BR smlp (1)\n";
}

std::string manual_overview(std::span<const Command> commands) {
  std::string text = heading("SMLP") + ".SH NAME\nsmlp \\- classify pictures with sMLPNet, offline, on the CPU\n";
  text += ".SH SYNOPSIS\n\\fBsmlp\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH COMMANDS\n";
  for (const Command& command : commands) {
    text += fmt::format(".TP\n\\fB{}\\fR\n{}", command.name, filled(fmt::format("{}.", command.summary)));
  }
  text += ".SH ENVIRONMENT\n.TP\nSMLP_ISA\nThe kernels to use where \\-\\-isa is not given.\n";
  text += ".TP\nSMLP_MODEL_DIR\nThe folder of the bundled model, where it is not in its usual place.\n";
  text += ".TP\nNO_COLOR\nWhere it is set, nothing is printed in colour.\n";
  text +=
      ".TP\nSMLP_REMARKS\nWith the value json every line on standard error is an object of JSON, for programs that "
      "run ";
  text += "this one: an error with its parts, a warning, or how far the run is.\n";
  text += std::string(kExitStatus) + ".SH SEE ALSO\n";
  for (std::size_t i = 0; i < commands.size(); ++i) {
    text += fmt::format(".BR smlp\\-{} (1){}\n", commands[i].name, i + 1 < commands.size() ? "," : "");
  }
  return text;
}

}  // namespace smlp::cli
