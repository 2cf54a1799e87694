// Whole jobs: export, bench, of whose answers smlp/_jobs.py makes dataclasses.
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "errors.h"
#include "interrupt.h"
#include "smlp/batcher.h"
#include "tasks/benchmark.h"
#include "tasks/export_model.h"
#include "tasks/provenance.h"

namespace smlp::python {
namespace {

using namespace nb::literals;

// Thrown through a job by its own callback, to end it.
struct Ended {};

// The JSON of `smlp bench --json`. `done` is called with (batch, images_per_second) after each batch size; what it
// raises ends the job.
std::string bench(const Model& model, const std::vector<int>& batch_sizes, int loop, double seconds, int warmup,
                  const SessionOptions& session, const nb::object& done) {
  const BenchmarkOptions options{.batch_sizes = batch_sizes,
                                 .loop = loop,
                                 .seconds = seconds,
                                 .warmup = warmup,
                                 .threads = session.threads,
                                 .precision = session.precision.value_or(model.network()->precision),
                                 .isa = session.isa,
                                 .mode = session.mode,
                                 .pin = session.pin};
  std::optional<nb::python_error> raised;
  const auto job = [&](const std::stop_token& stop) -> Result<BenchmarkReport> {
    const auto hear = [&](const BatchTimes& times) {
      if (stop.stop_requested()) throw Ended();
      const nb::gil_scoped_acquire acquire;
      try {
        done(times.batch, times.images_per_second);
      } catch (nb::python_error& error) {
        raised.emplace(std::move(error));
        throw Ended();
      }
    };
    try {
      return run_benchmark(model.network(), options, hear);
    } catch (const Ended&) {
      return std::unexpected(Error{.what = std::string(kCancelled), .transient = true});
    }
  };
  std::optional<BenchmarkReport> report;
  const auto outcome = run_interruptibly([&](std::stop_token stop) -> Result<void> {
    auto result = job(stop);
    if (!result) return std::unexpected(std::move(result).error());
    report.emplace(*std::move(result));
    return {};
  });
  if (raised) throw std::move(*raised);
  if (!outcome) raise("JobError", outcome.error());
  return benchmark_json(*report);
}

nb::dict export_onnx(const nb::bytes& checkpoint, const nb::bytes& onnx, const std::string& model_name, int opset,
                     bool force) {
  const ExportModelOptions options{.checkpoint = path_of(checkpoint),
                                   .onnx = path_of(onnx),
                                   .model_name = model_name,
                                   .opset = opset,
                                   .force = force,
                                   .producer_version = std::string(program_version())};
  auto exported = [&] {
    const nb::gil_scoped_release release;
    return export_model(options);
  }();
  const ExportModelReport report = value_or_raise(std::move(exported), "JobError");
  nb::dict d;
  d["output"] = options.onnx.string();
  d["bytes"] = report.bytes;
  d["opset"] = opset;
  d["model_name"] = report.model_name.empty() ? nb::none() : nb::object(nb::str(report.model_name.c_str()));
  d["parameters"] = report.config.parameters();
  d["image_size"] = report.config.image;
  d["num_classes"] = report.config.classes;
  return d;
}

}  // namespace

void add_jobs(nb::module_& m) {
  nb::class_<SessionOptions>(m, "SessionOptions")
      .def(
          "__init__",
          [](SessionOptions* self, int threads, int batch, std::optional<std::string> precision,
             const std::string& mode, const std::string& isa,
             bool pin) { new (self) SessionOptions(session_options(threads, batch, precision, mode, isa, pin)); },
          "threads"_a, "batch"_a, "precision"_a.none(), "mode"_a, "isa"_a, "pin"_a);
  m.def("bench", &bench, "model"_a, "batch_sizes"_a, "loop"_a, "seconds"_a, "warmup"_a, "session"_a, "done"_a);
  m.def("export_onnx", &export_onnx, "checkpoint"_a, "onnx"_a, "model_name"_a, "opset"_a, "force"_a,
        nb::sig("def export_onnx(checkpoint: bytes, onnx: bytes, model_name: str, opset: int, force: bool) -> "
                "dict[str, typing.Any]"));
}

}  // namespace smlp::python
