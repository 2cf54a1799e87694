// The options of every command that turns pictures into a network's input.
#pragma once

#include "cli/command_line.h"
#include "tasks/preprocess_overrides.h"

namespace smlp::cli {

// --crop-pct, --interpolation, --mean, --std, --img-size. `needed`: options without which they would mean nothing.
void add_preprocess_options(CommandLine& line, PreprocessOverrides& overrides,
                            std::initializer_list<KnownOption> needed = {});

}  // namespace smlp::cli
