// Scripts that complete `smlp` in a shell, from the same declarations as --help.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace smlp::cli {

// For bash, zsh or fish; nothing for another word.
std::optional<std::string> completion_script(std::string_view shell, std::span<const Command> commands);

}  // namespace smlp::cli
