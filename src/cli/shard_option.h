// --shard K/N or auto, of every command whose work may be divided.
#pragma once

#include <cstdlib>
#include <string>

#include "cli/command_line.h"
#include "data/shard.h"

namespace smlp::cli {

inline Option& add_shard_option(CommandLine& line, std::string& shard) { return line.text("--shard", shard); }

// What was given; nothing is the whole.
inline Result<Shard> shard_of(const std::string& text) {
  return text.empty() ? Shard() : parse_shard(text, [](const char* name) { return std::getenv(name); });
}

}  // namespace smlp::cli
