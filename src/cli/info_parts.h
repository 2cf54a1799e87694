// What `smlp info` shows, as text and as JSON.
#pragma once

#include <string>

#include "cli/json_line.h"
#include "tasks/compare_precisions.h"
#include "tasks/inspect.h"
#include "tasks/machine.h"

namespace smlp::cli {

std::string machine_text(const Machine& machine);
Json machine_json(const Machine& machine);

std::string file_text(const FileReport& report, bool tensors);
// {"file", "format", "bytes", "sha256", "config": {...} or null, "why_no_network", "parameters", "macs", ...,
//  "tensors": [{"name", "dtype", "shape", "container"}]}
Json file_json(const FileReport& report);

// {"dim", "alpha", "patch", "image", "channels", "classes", "depths"}
Json config_json(const Config& config);

std::string comparison_text(const std::string& model, const Network& network, const ComparisonOptions& options,
                            const PrecisionComparison& comparison);
// {"file", "precisions": [exact, tried], "isas", "made_up", "pictures", "same_top1", "top1_agreement",
//  "layers": [{"name", "relative_error", "largest_difference", "growth"}]}; null for what is no number
Json comparison_json(const std::string& model, const ComparisonOptions& options, const PrecisionComparison& comparison);

// "512 KiB", "92.0 MiB", "1.5 GiB"
std::string bytes_text(std::int64_t bytes);

}  // namespace smlp::cli
