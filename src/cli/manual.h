// Man pages, in the troff macros of man(7), from the same declarations as --help.
#pragma once

#include <span>
#include <string>

#include "cli/command.h"

namespace smlp::cli {

// smlp-COMMAND(1)
std::string manual_page(const Command& command);
// smlp(1)
std::string manual_overview(std::span<const Command> commands);

}  // namespace smlp::cli
