#include "session.h"

#include <unistd.h>

#include <tuple>

#include "errors.h"

namespace smlp::python {

SessionObject::SessionObject(const Model& model, SessionOptions options)
    : model_(model), options_(std::move(options)), inner_(make()) {}

SessionObject::~SessionObject() {
  abandon_where_forked();
  const nb::gil_scoped_release release;  // threads are joined
  inner_.reset();
}

std::unique_ptr<SessionObject::Inner> SessionObject::make() const {
  auto created = [&] {
    const nb::gil_scoped_release release;
    return Session::create(model_, options_);
  }();
  auto inner = std::make_unique<Inner>();
  inner->session = std::make_unique<Session>(value_or_raise(std::move(created), "OptionError"));
  inner->process = getpid();
  return inner;
}

// The child of a fork has none of the session's threads: to end them would wait for ever. What they hold stays where
// it is, shared with the parent until somebody writes to it.
void SessionObject::abandon_where_forked() {
  if (inner_ && inner_->process != getpid()) std::ignore = inner_.release();
}

SessionObject::Turn::Turn(SessionObject& of) : of_(of) {
  const auto refuse_closed = [&] {
    if (of.closed_) raise("ClosedError", {.what = "the session is closed", .remedy = "make a new one"});
  };
  refuse_closed();
  of.abandon_where_forked();
  if (!of.inner_) of.inner_ = of.make();  // weights that are packed already are found and shared
  Inner& inner = *of.inner_;
  if (inner.holder == std::this_thread::get_id()) {
    raise("ResourceError", {.what = "the session is busy with this very thread",
                            .remedy = "a signal handler or callback needs a session of its own",
                            .transient = true});
  }
  const auto taken = [&] {
    if (inner.turn.try_lock()) return true;
    const nb::gil_scoped_release release;
    return inner.turn.try_lock_for(std::chrono::milliseconds(50));
  };
  while (!taken()) {
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
  if (of.closed_) inner.turn.unlock();
  refuse_closed();
  inner.holder = std::this_thread::get_id();
}

SessionObject::Turn::~Turn() {
  of_.inner_->holder = std::thread::id();
  of_.inner_->turn.unlock();
}

void SessionObject::close() {
  if (closed_) return;
  abandon_where_forked();
  if (!inner_) {
    closed_ = true;
    return;
  }
  const Turn turn(*this);  // whoever runs is waited for
  closed_ = true;
  const nb::gil_scoped_release release;
  inner_->session.reset();
}

}  // namespace smlp::python
