#include "cli/help.h"

#include <fmt/format.h>

#include "cli/table.h"

namespace smlp::cli {

std::string synopsis(const CommandLine& line) {
  std::string text = "[OPTIONS]";
  for (const Option& option : line.options()) {
    if (option.word.empty()) {
      if (option.is_required) text += " " + option_head(option);
      continue;
    }
    const std::string word = option.word + (option.repeats ? "..." : "");
    text += option.is_required ? " " + word : " [" + word + "]";
  }
  return text;
}

std::string option_head(const Option& option) {
  return std::string(option.name()) + (option.is_flag() ? "" : " " + option.value);
}

std::string other_spellings(const OptionName& row) {
  std::string text;
  for_each_spelling(row, [&](std::string_view spelling) {
    if (spelling == row.name) return;
    text += (text.empty() ? "" : ", ") + std::string(spelling);
  });
  return text;
}

std::string help_text(const Command& command, const CommandLine& line, int width) {
  std::string text;
  for (const std::string& part : wrapped(fmt::format("Usage: smlp {} {}", command.name, synopsis(line)), width)) {
    text += part + "\n";
  }
  text += fmt::format("{}\n\nOptions:\n", command.summary);
  using enum Table::Align;
  Table table({"", ""}, {left, left});
  for (const Option& option : line.options()) {
    std::string help = option.text;
    if (!option.word.empty()) help += fmt::format(" ({} may stand without {})", option.word, option.name());
    if (const std::string others = other_spellings(*option.row); !others.empty())
      help += fmt::format(" [also {}]", others);
    table.add({"  " + option_head(option), help});
  }
  table.add({"  -h, --help", "Print this help"});
  text += table.text(width);
  text += line.example_lines().size() == 1 ? "\nExample:\n" : "\nExamples:\n";
  for (const std::string& example : line.example_lines()) text += "  " + example + "\n";
  return text;
}

}  // namespace smlp::cli
