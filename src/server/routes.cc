#include "server/routes.h"

#include <optional>
#include <span>

#include "base/printable.h"
#include "server/metrics.h"
#include "server/model_texts.h"
#include "server/page.h"

namespace smlp::server {
namespace {

using Kind = Route::Kind;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// "%41" -> "A". Nothing for a percent sign that two hex digits do not follow.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    plain += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return plain;
}

// "/v2/models/m?x=1" -> v2, models, m; so does "http://host/v2/models/m", which clients may write (RFC 9112, 3.2.2).
std::optional<std::vector<std::string>> segments_of(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    target.remove_prefix(scheme.size());
    target.remove_prefix(std::min(target.find_first_of("/?#"), target.size()));
    if (!target.starts_with('/')) return std::vector<std::string>();
  }
  target = target.substr(0, target.find_first_of("?#"));
  if (!target.starts_with('/')) return std::nullopt;
  target.remove_prefix(1);
  if (target.ends_with('/')) target.remove_suffix(1);
  std::vector<std::string> segments;
  while (!target.empty()) {
    const std::size_t end = std::min(target.find('/'), target.size());
    const auto plain = percent_decoded(target.substr(0, end));
    if (!plain || segments.size() == 8) return std::nullopt;
    segments.push_back(*plain);
    target.remove_prefix(std::min(end + 1, target.size()));
  }
  return segments;
}

// A path as a pattern: "M" stands for a model's name, "V" for a version.
struct Pattern {
  std::string_view method;
  std::vector<std::string_view> segments;
  Kind kind;
};

const std::vector<Pattern>& patterns() {
  static const std::vector<Pattern> all = {
      {"GET", {}, Kind::page},
      {"GET", {"openapi.json"}, Kind::openapi},
      {"GET", {"metrics"}, Kind::metrics},
      {"GET", {"v2"}, Kind::server_metadata},
      {"GET", {"v2", "health", "live"}, Kind::live},
      {"GET", {"v2", "health", "ready"}, Kind::ready},
      {"GET", {"v2", "models", "stats"}, Kind::all_statistics},
      {"GET", {"v2", "models", "M"}, Kind::model_metadata},
      {"GET", {"v2", "models", "M", "versions", "V"}, Kind::model_metadata},
      {"GET", {"v2", "models", "M", "ready"}, Kind::model_ready},
      {"GET", {"v2", "models", "M", "versions", "V", "ready"}, Kind::model_ready},
      {"GET", {"v2", "models", "M", "config"}, Kind::config},
      {"GET", {"v2", "models", "M", "versions", "V", "config"}, Kind::config},
      {"GET", {"v2", "models", "M", "stats"}, Kind::statistics},
      {"GET", {"v2", "models", "M", "versions", "V", "stats"}, Kind::statistics},
      {"POST", {"v2", "models", "M", "infer"}, Kind::infer},
      {"POST", {"v2", "models", "M", "versions", "V", "infer"}, Kind::infer},
      {"POST", {"v2", "repository", "index"}, Kind::index},
      {"POST", {"v2", "repository", "models", "M", "load"}, Kind::load},
      {"POST", {"v2", "repository", "models", "M", "unload"}, Kind::unload},
  };
  return all;
}

std::optional<Route> match(const Pattern& pattern, const std::vector<std::string>& segments) {
  if (pattern.segments.size() != segments.size()) return std::nullopt;
  Route route{.kind = pattern.kind};
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (pattern.segments[i] == "M") {
      route.model = segments[i];
    } else if (pattern.segments[i] == "V") {
      route.version = segments[i];
    } else if (pattern.segments[i] != segments[i]) {
      return std::nullopt;
    }
  }
  return route;
}

Reply model_reply(const Route& route, const ServerState& state, const ServedModel& model) {
  switch (route.kind) {
    case Kind::model_ready:
      return {.body = model_ready(model)};
    case Kind::config:
      return {.body = model_config(model)};
    default:
      break;
  }
  return {.body = model_metadata(model, state.models.versions(model.name))};
}

Answer<Reply> statistics_reply(const Route& route, const ServerState& state) {
  auto models = state.models.all();
  if (route.kind == Kind::statistics) {
    if (const auto found = state.models.find(route.model, route.version); !found) return std::unexpected(found.error());
    std::erase_if(models, [&](const auto& model) {
      return model->name != route.model || (!route.version.empty() && model->version != route.version);
    });
  }
  return Reply{.body = model_statistics(models)};
}

}  // namespace

bool is_open(Kind kind) {
  return kind == Kind::live || kind == Kind::ready || kind == Kind::page || kind == Kind::openapi;
}

Answer<Route> find_route(std::string_view method, std::string_view target, std::string& allow) {
  const auto segments = segments_of(target);
  if (!segments) return refuse(400, "the path is not well-formed");
  for (const Pattern& pattern : patterns()) {
    auto route = match(pattern, *segments);
    if (!route) continue;
    if (method == pattern.method || (method == "HEAD" && pattern.method == "GET")) return std::move(*route);
    allow = pattern.method == "GET" ? "GET, HEAD" : std::string(pattern.method);
    return refuse(405, "this path takes {}", allow);
  }
  return refuse(404, "there is nothing at '{}'", printable(shortened(target, 80)));
}

Answer<Reply> answer_route(const Route& route, const ServerState& state) {
  switch (route.kind) {
    case Kind::page:
      return Reply{.content_type = "text/html; charset=utf-8", .body = std::string(page())};
    case Kind::openapi:
      return Reply{.body = std::string(openapi())};
    case Kind::metrics:
      return Reply{.content_type = "text/plain; version=0.0.4", .body = metrics_text(state.models.all())};
    case Kind::server_metadata:
      return Reply{.body = server_metadata()};
    case Kind::live:
      return Reply{.body = "{\"live\":true}"};
    case Kind::ready: {
      const bool ready = !state.stopping && state.models.ready();
      return Reply{.status = ready ? 200 : 503, .body = ready ? "{\"ready\":true}" : "{\"ready\":false}"};
    }
    case Kind::index:
      return Reply{.body = repository_index(state.models.index(route.ready_only))};
    case Kind::statistics:
    case Kind::all_statistics:
      return statistics_reply(route, state);
    default:
      break;
  }
  const auto model = state.models.find(route.model, route.version);
  if (!model) return std::unexpected(model.error());
  return model_reply(route, state, **model);
}

Answer<void> change_models(const Route& route, Repository& models) {
  return route.kind == Kind::load ? models.load(route.model) : models.unload(route.model);
}

Reply refusal_reply(const Refusal& refusal) {
  return {
      .status = refusal.status, .body = error_text(refusal.message), .retry_after_s = refusal.status == 503 ? 1 : 0};
}

}  // namespace smlp::server
