// Everything a person reads passes through here: results on stdout, one-line remarks on stderr.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/printable.h"
#include "base/result.h"

namespace smlp::cli {

// Opens the standard streams that the caller closed, so that no file of ours gets their numbers. A closed pipe ends the
// process quietly (`smlp ... | head`); a file that grows past the limit (ulimit -f) is an error of write like another.
void prepare_streams();

// Writes to stdout. A failure (full disk, closed stdout) is kept for finish_output.
void write_output(std::string_view text);

template <class... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  write_output(fmt::format(format, std::forward<Args>(args)...));
}

// Hands everything printed so far to the system: at the end of a line that a reader of a pipe waits for.
void flush_output();

// The error of the first write that failed, if any; called once at the end.
Result<void> finish_output();

// `smlp: error: ...` and `smlp: warning: ...`: one line on stderr, whatever the text holds. With SMLP_REMARKS=json in
// the environment, for programs that run this one, each line on stderr is an object of JSON:
//   {"error": MESSAGE, "what": ..., "file": ..., "offset": ..., "tensor": ..., "remedy": ..., "transient": ...}
//   {"warning": MESSAGE}   {"progress": {"done": 12, "all": 30, "unit": "pictures"}}
void report_error(const Error& error);
void report_error(std::string_view message);
void report_warning(std::string_view message);
// How far a run is; only where remarks are JSON.
void report_progress(std::int64_t done, std::int64_t all, std::string_view unit);
bool remarks_are_json();

bool output_is_terminal();   // stdout
bool remarks_on_terminal();  // stderr
bool use_colour();           // stdout is a terminal, and NO_COLOR is not set
int terminal_width();        // columns of stdout's terminal, else 80

}  // namespace smlp::cli
