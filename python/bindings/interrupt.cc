#include "interrupt.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <system_error>
#include <thread>

#include "errors.h"

namespace smlp::python {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{50};

std::stop_source& end() {
  static std::stop_source only;
  return only;
}

std::atomic<int>& calls() {
  static std::atomic<int> count = 0;
  return count;
}

// Who ends the interpreter: its main thread.
std::atomic<std::thread::id>& ender() {
  static std::atomic<std::thread::id> only;
  return only;
}

// For a daemon thread when the interpreter ends. What its call raised would be printed, and an interpreter that ends
// while another thread prints aborts. Called with the GIL held.
[[noreturn]] void park() {
  PyEval_SaveThread();
  while (true) ::pause();
}

}  // namespace

std::stop_token ending() { return end().get_token(); }

Call::Call() {
  if (end().stop_requested()) {
    if (ender() != std::this_thread::get_id()) park();
    raise("ClosedError", {.what = "the interpreter is ending", .remedy = "wait for your threads before that"});
  }
  ++calls();
}

Call::~Call() {
  --calls();
  if (end().stop_requested()) park();
}

void end_calls() {
  ender() = std::this_thread::get_id();
  end().request_stop();
  const nb::gil_scoped_release release;
  while (calls() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

Result<void> run_interruptibly(const Work& work) {
  std::stop_source stop;
  const std::stop_callback at_the_end(ending(), [&] { stop.request_stop(); });
  std::future<Result<void>> outcome;
  try {
    outcome = std::async(std::launch::async, [&] { return work(stop.get_token()); });
  } catch (const std::system_error& error) {
    raise("ResourceError", {.what = "the system refuses a thread", .remedy = error.what(), .transient = true});
  }
  const auto has_ended = [&] {
    const nb::gil_scoped_release release;
    return outcome.wait_for(kBetweenLooks) == std::future_status::ready;
  };
  while (!has_ended()) {
    if (PyErr_CheckSignals() == 0) continue;
    const nb::python_error signal;  // what the handler raised
    stop.request_stop();
    {
      const nb::gil_scoped_release release;
      outcome.wait();
    }
    throw signal;
  }
  return outcome.get();
}

}  // namespace smlp::python
