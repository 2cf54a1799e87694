// What the protocol says of the server and of its models, as JSON.
#pragma once

#include <span>
#include <string>

#include "server/repository.h"

namespace smlp::server {

std::string server_metadata();
std::string model_metadata(const ServedModel& model, std::span<const std::string> versions);
std::string model_ready(const ServedModel& model);   // of one that is loaded
std::string model_config(const ServedModel& model);  // as Triton's ModelConfig in JSON
std::string model_statistics(std::span<const std::shared_ptr<ServedModel>> models);
std::string repository_index(std::span<const Repository::Entry> entries);
std::string error_text(std::string_view message);  // {"error": "..."}

}  // namespace smlp::server
