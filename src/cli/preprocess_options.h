// The options of every command that turns pictures into a network's input.
#pragma once

#include "cli/command_line.h"
#include "tasks/preprocess_overrides.h"

namespace smlp::cli {

// --crop-pct, --interpolation, --mean, --std, --img-size.
void add_preprocess_options(CommandLine& line, PreprocessOverrides& overrides);

}  // namespace smlp::cli
