// Batchers: single pictures from many threads and coroutines.
#include "smlp/batcher.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <unistd.h>

#include <tuple>

#include "bindings.h"
#include "errors.h"
#include "numbers.h"
#include "pictures.h"

namespace smlp::python {
namespace {

using namespace nb::literals;

// What a request holds of Python's until it is answered.
struct Held {
  Pictures pictures;
  nb::object answer;  // called with (logits, None) or (None, error)
};

// Called by the batcher's threads. Whatever is Python's goes away with the GIL held.
void answer(const std::shared_ptr<std::optional<Held>>& held, const Result<Logits>& result) {
  const nb::gil_scoped_acquire acquire;
  try {
    if (result) {
      Numbers row({1, result->size()});
      std::ranges::copy(*result, row.all().begin());
      (*held)->answer(std::move(row).array(true), nb::none());
    } else {
      (*held)->answer(nb::none(), exception_of("PictureError", result.error()));
    }
  } catch (nb::python_error& error) {
    error.discard_as_unraisable("an answer of smlp.Batcher");
  }
  held->reset();
}

class BatcherObject {
 public:
  BatcherObject(const Model& model, SessionOptions session, const BatcherOptions& options)
      : model_(model), process_(getpid()) {
    auto created = [&]() -> Result<Batcher> {
      const nb::gil_scoped_release release;
      auto made = Session::create(model, session);
      if (!made) return std::unexpected(std::move(made).error());
      return Batcher::create(*std::move(made), options);
    }();
    batcher_ = std::make_unique<Batcher>(value_or_raise(std::move(created), "OptionError"));
  }

  // A child of fork has none of its threads: what they hold stays where it is.
  ~BatcherObject() {
    if (process_ != getpid()) {
      std::ignore = batcher_.release();
      return;
    }
    const nb::gil_scoped_release release;
    batcher_.reset();
  }

  void submit(nb::handle x, std::optional<double> seconds, const std::stop_source& stop, const nb::object& hear) {
    check_process();
    auto held = std::make_shared<std::optional<Held>>(Held{Pictures(model_), hear});
    Pictures& pictures = (*held)->pictures;
    pictures.add(x);
    value_or_raise(pictures.check_values(0), "InputError");
    RequestOptions options{.cancel = stop.get_token()};
    if (seconds) {
      options.deadline = std::chrono::steady_clock::now() +
                         std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(*seconds));
    }
    auto taken = [&] {
      const BatcherInput input = pictures.items()[0];
      const nb::gil_scoped_release release;
      return batcher_->submit(input, options, [held](const Result<Logits>& result) { answer(held, result); });
    }();
    value_or_raise(std::move(taken), "ResourceError");
  }

  void close() {
    if (process_ != getpid()) return;
    const nb::gil_scoped_release release;  // the last answers need it
    batcher_->shut_down();
  }

  BatcherStatistics statistics() const {
    check_process();
    return batcher_->statistics();
  }

 private:
  void check_process() const {
    if (process_ == getpid()) return;
    raise("ClosedError", {.what = "the batcher belongs to the process that made it, of which this is a fork",
                          .remedy = "make one in each process"});
  }

  Model model_;
  pid_t process_;
  std::unique_ptr<Batcher> batcher_;
};

nb::tuple times(const TimeStatistics& t) { return nb::make_tuple(t.count, t.sum, t.largest, t.histogram); }

nb::dict counts(const BatcherObject& batcher) {
  const BatcherStatistics s = batcher.statistics();
  nb::dict d;
  d["accepted"] = s.accepted;
  d["refused"] = s.refused;
  d["answered"] = s.answered;
  d["failed"] = s.failed;
  d["expired"] = s.expired;
  d["cancelled"] = s.cancelled;
  d["queued"] = s.queued;
  d["running"] = s.running;
  d["batches"] = s.batches;
  d["queue"] = times(s.queue);
  d["compute"] = times(s.compute);
  return d;
}

}  // namespace

void add_batcher(nb::module_& m) {
  nb::class_<std::stop_source>(m, "Stop").def(nb::init<>()).def("stop", [](std::stop_source& source) {
    source.request_stop();
  });
  nb::class_<BatcherObject>(m, "Batcher")
      .def(
          "__init__",
          [](BatcherObject* self, const Model& model, int threads, const std::optional<std::string>& precision,
             const std::string& mode, const std::string& isa, bool pin, int max_batch, double max_delay,
             std::size_t max_queue) {
            const auto delay = std::chrono::microseconds(static_cast<std::int64_t>(max_delay * 1e6));
            new (self) BatcherObject(model, session_options(threads, max_batch, precision, mode, isa, pin),
                                     {.max_batch = max_batch, .max_delay = delay, .max_queue = max_queue});
          },
          "model"_a, "threads"_a, "precision"_a.none(), "mode"_a, "isa"_a, "pin"_a, "max_batch"_a, "max_delay"_a,
          "max_queue"_a)
      .def("submit", &BatcherObject::submit, "x"_a.none(), "seconds"_a.none(), "stop"_a, "hear"_a)
      .def("close", &BatcherObject::close)
      .def("statistics", &counts, nb::sig("def statistics(self) -> dict[str, typing.Any]"));
  m.def(
      "top_classes",
      [](const Model& model, const nb::ndarray<const float, nb::ndim<1>, nb::c_contig>& logits, int top,
         const nb::object& type) { return predictions_of(model, {logits.data(), logits.size()}, top, type); },
      "model"_a, "logits"_a.noconvert(), "top"_a, "type"_a,
      nb::sig("def top_classes(model: Model, logits: object, top: int, type: object) -> list[typing.Any]"));
}

}  // namespace smlp::python
