// What a request's method and path ask for.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "server/repository.h"

namespace smlp::server {

struct Route {
  enum class Kind {
    page,
    openapi,
    metrics,
    server_metadata,
    live,
    ready,
    model_metadata,
    model_ready,
    infer,
    config,
    statistics,
    all_statistics,
    index,
    load,
    unload
  };
  Kind kind = Kind::page;
  std::string model = {}, version = {};
  bool ready_only = false;  // of the index, which its body says
};

// Errors: 400 for a path that is not well-formed, 404 for one that there is not, 405 for another method (`allow` is set
// to those that it takes).
Answer<Route> find_route(std::string_view method, std::string_view target, std::string& allow);

// What even those may ask who have no key: whether the server lives, and the texts that say nothing of it.
bool is_open(Route::Kind kind);

struct ServerState {
  Repository& models;
  std::atomic<bool> stopping{false};
};

// Everything but infer, load and unload, which take their time.
Answer<Reply> answer_route(const Route& route, const ServerState& state);

// Load and unload.
Answer<void> change_models(const Route& route, Repository& models);

Reply refusal_reply(const Refusal& refusal);

}  // namespace smlp::server
