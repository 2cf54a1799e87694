// A session as Python holds it: safe from threads, closable, and alive again in a child process.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "smlp/session.h"

namespace smlp::python {

class SessionObject {
 public:
  SessionObject(const Model& model, SessionOptions options);  // raises
  ~SessionObject();
  SessionObject(const SessionObject&) = delete;
  SessionObject& operator=(const SessionObject&) = delete;

  // The session to oneself. Calls from several threads wait for each other here; the GIL is held before and after.
  class Turn {
   public:
    explicit Turn(SessionObject& of);  // raises: closed, or this thread has the turn already
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Session& session() { return *of_.inner_->session; }

   private:
    SessionObject& of_;
  };

  void close();
  bool closed() const { return closed_; }
  const Model& model() const { return model_; }

 private:
  // What a fork leaves unusable in the child: threads that are not there, a mutex that they may have held.
  struct Inner {
    std::timed_mutex turn;
    std::atomic<std::thread::id> holder;
    std::unique_ptr<Session> session;
    pid_t process;
  };
  std::unique_ptr<Inner> make() const;
  void abandon_where_forked();

  Model model_;
  SessionOptions options_;
  std::unique_ptr<Inner> inner_;
  std::atomic<bool> closed_ = false;
};

}  // namespace smlp::python
