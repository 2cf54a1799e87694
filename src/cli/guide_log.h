// Log lines as the guide's tools write them, on stdout: `[INFO] text`.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "cli/console.h"

namespace smlp::cli {

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  print("[INFO] {}\n", printable(fmt::format(format, std::forward<Args>(args)...)));
}

template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  print("[WARNING] {}\n", printable(fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace smlp::cli
