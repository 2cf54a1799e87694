// The Open Inference Protocol over gRPC, with gRPC's own health service and reflection.
#pragma once

#include <chrono>
#include <memory>

#include "server/shared.h"

namespace smlp::server {

class GrpcServer {
 public:
  // Takes requests from now on. Errors: an address that cannot be had.
  static Result<std::unique_ptr<GrpcServer>> start(Shared& shared);
  ~GrpcServer();

  int port() const;

  // Takes no more requests; those that were taken have `patience` to be answered, then they are cancelled. Returns at
  // once.
  void stop(std::chrono::seconds patience);
  void join();  // after stop(): until all is answered

 private:
  struct State;
  explicit GrpcServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace smlp::server
