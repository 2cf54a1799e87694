// A profile as a trace that https://ui.perfetto.dev and chrome://tracing open.
#pragma once

#include <string>
#include <string_view>

#include "tasks/benchmark.h"

namespace smlp {

// The Trace Event Format as JSON: one process for each profiled batch size, all starting at 0; in it one track a
// thread, on each the execution, and in that an event for each call of a kernel. args: GFLOP/s, the share of what one
// thread reaches at best, pictures and rows, multiply-accumulates, bytes.
std::string trace_json(const BenchmarkReport& report);

// Whether a file that starts so is such a trace.
bool is_trace(std::string_view start);

}  // namespace smlp
