#include "server/repository_request.h"

#include "base/json.h"
#include "base/printable.h"

namespace smlp::server {
namespace {

using Kind = Route::Kind;

Answer<void> take_ready(Route& route, const nlohmann::json& ready) {
  if (!ready.is_boolean()) return refuse(400, "'ready' is neither true nor false");
  route.ready_only = ready.get<bool>();
  return {};
}

Answer<void> check_parameters(Kind kind, const nlohmann::json& parameters) {
  if (!parameters.is_object()) return refuse(400, "'parameters' is not an object");
  for (const auto& [name, value] : parameters.items()) {
    if (auto known = check_repository_parameter(kind, name); !known) return known;
  }
  return {};
}

}  // namespace

Answer<void> check_repository_parameter(Kind kind, std::string_view name) {
  if (kind == Kind::unload && name == "unload_dependents") return {};  // no model depends on another
  return refuse(400, "parameter '{}': models are read from the files, and with the options, that the server began with",
                printable(shortened(name, 80)));
}

Answer<void> take_repository_request(Route& route, std::span<const std::byte> body) {
  const bool changes = route.kind == Kind::load || route.kind == Kind::unload;
  if ((!changes && route.kind != Kind::index) || body.empty()) return {};
  if (body.size() > kMaxRepositoryRequest) return refuse(413, "a request of more than {} bytes", kMaxRepositoryRequest);
  const auto parsed = parse_json({reinterpret_cast<const char*>(body.data()), body.size()});
  if (!parsed) return refuse(400, "the request is not valid JSON: {}", parsed.error().message());
  if (!parsed->is_object()) return refuse(400, "the request is not an object");
  if (const auto ready = parsed->find("ready"); !changes && ready != parsed->end()) return take_ready(route, *ready);
  const auto parameters = parsed->find("parameters");
  return changes && parameters != parsed->end() ? check_parameters(route.kind, *parameters) : Answer<void>();
}

}  // namespace smlp::server
