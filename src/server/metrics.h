// The counters in Prometheus' text format: Triton's names, and histograms that Triton lacks.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "server/served_model.h"

namespace smlp::server {

// Content type: text/plain; version=0.0.4
std::string metrics_text(std::span<const std::shared_ptr<ServedModel>> models);

}  // namespace smlp::server
