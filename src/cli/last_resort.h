// What happens to an exception that nobody else caught: one line on stderr and exit status 1, never an abort.
#pragma once

namespace smlp::cli {

// Also for exceptions that leave a thread or meet a noexcept, and for those of libraries before main(), where this is
// called before their initialisers: std::terminate writes the line and ends the process.
void end_in_one_line();

// Writes the line of the exception that is being handled. Takes no memory: there may be none.
void report_exception() noexcept;

}  // namespace smlp::cli
