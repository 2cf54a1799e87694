// --output-dirname, of every command that makes a folder of results in --output.
#pragma once

#include <string>

#include "cli/command_line.h"

namespace smlp::cli {

// A name and no path, which would lead out of --output.
inline Option& add_output_dirname_option(CommandLine& line, std::string& name) {
  Option& option = line.text("--output-dirname", name);
  option.take = [&name](const std::string& value) -> std::string {
    if (value == "." || value == ".." || value.contains('/')) return "takes the name of a folder in --output";
    return name = value, "";
  };
  return option.needs("--output");
}

}  // namespace smlp::cli
