#include "interrupt.h"

#include <chrono>
#include <future>
#include <system_error>

#include "errors.h"

namespace smlp::python {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{50};

}  // namespace

Result<void> run_interruptibly(const Work& work) {
  std::stop_source stop;
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
