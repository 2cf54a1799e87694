// What a command says of itself.
#pragma once

#include <string>

#include "cli/command.h"

namespace smlp::cli {

// "[OPTIONS] DIR [OUT]"
std::string synopsis(const CommandLine& line);
// "--batch N"
std::string option_head(const Option& option);
// "--batchsize, --batch_size": the other spellings
std::string other_spellings(const OptionName& row);

// `smlp COMMAND --help`, in `width` columns.
std::string help_text(const Command& command, const CommandLine& line, int width);

}  // namespace smlp::cli
