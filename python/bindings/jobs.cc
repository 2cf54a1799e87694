// Whole jobs: export, bench, of whose answers smlp/_bench.py and _export.py make dataclasses.
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
#include "tasks/named_output.h"
#include "tasks/provenance.h"
#include "tasks/trace.h"

namespace smlp::python {
namespace {

using namespace nb::literals;

// Thrown through a job by its own callback, to end it.
struct Ended {};

struct BenchOptions {
  BenchmarkOptions measure = {};
  std::filesystem::path trace;  // empty: none
  bool force = false;           // replace an earlier trace
};

// What `options` and `session` ask of a model.
BenchmarkOptions measured(const BenchOptions& options, const SessionOptions& session, const Model& model) {
  BenchmarkOptions all = options.measure;
  all.threads = session.threads;
  all.precision = session.precision.value_or(model.network()->precision);
  all.isa = session.isa;
  all.mode = session.mode;
  all.pin = session.pin;
  return all;
}

// Of a model that was read from `file`, or is in memory alone where that is empty.
Result<Provenance> provenance_of_report(const std::filesystem::path& file, const BenchmarkReport& report) {
  Provenance provenance = program_provenance();
  if (!file.empty()) {
    auto of_file = provenance_of_file(file);
    if (!of_file) return of_file;
    provenance = *std::move(of_file);
  }
  provenance.precision = report.precision;
  provenance.isa = report.isa;
  provenance.threads = report.threads;
  return provenance;
}

// The trace is begun before anything is measured, so that a wrong path costs no time.
template <class Hear>
Result<BenchmarkReport> measure(const Model& model, const std::filesystem::path& file, const BenchOptions& options,
                                const SessionOptions& session, const Hear& hear) {
  std::optional<NamedOutput> trace;
  if (!options.trace.empty()) {
    using enum NamedOutput::Mode;
    auto created = NamedOutput::create(options.trace, options.force ? force : fresh, is_trace, "a trace of bench");
    if (!created) return std::unexpected(std::move(created).error());
    trace.emplace(*std::move(created));
  }
  auto report = run_benchmark(model.network(), measured(options, session, model), hear);
  if (!report) return report;
  auto provenance = provenance_of_report(file, *report);
  if (!provenance) return std::unexpected(std::move(provenance).error());
  report->provenance = *std::move(provenance);
  if (trace) {
    auto written = trace->write(trace_json(*report));
    if (written) written = trace->commit();
    if (!written) return std::unexpected(std::move(written).error());
  }
  return report;
}

// The JSON of `smlp bench --json`. `done` is called with (batch, images_per_second) after each batch size; what it
// raises ends the job.
std::string bench(const Model& model, const nb::bytes& file, const BenchOptions& options, const SessionOptions& session,
                  const nb::object& done) {
  const std::filesystem::path of_model = path_of(file);
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
      return measure(model, of_model, options, session, hear);
    } catch (const Ended&) {
      return std::unexpected(Error{.what = std::string(kCancelled), .transient = true});
    }
  };
  std::optional<BenchmarkReport> report;
  const auto outcome = run_interruptibly([&](const std::stop_token& stop) -> Result<void> {
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
          [](SessionOptions* self, int threads, int batch, const std::optional<std::string>& precision,
             const std::string& mode, const std::string& isa,
             bool pin) { new (self) SessionOptions(session_options(threads, batch, precision, mode, isa, pin)); },
          "threads"_a, "batch"_a, "precision"_a.none(), "mode"_a, "isa"_a, "pin"_a);
  nb::class_<BenchOptions>(m, "BenchOptions")
      .def(
          "__init__",
          [](BenchOptions* self, std::vector<int> batch_sizes, int loop, double seconds, int warmup, bool profile,
             const nb::bytes& trace, bool force) {
            auto* made = new (self) BenchOptions{.trace = path_of(trace), .force = force};
            made->measure.batch_sizes = std::move(batch_sizes);
            made->measure.loop = loop;
            made->measure.seconds = seconds;
            made->measure.warmup = warmup;
            made->measure.profile = profile;
          },
          "batch_sizes"_a, "loop"_a, "seconds"_a, "warmup"_a, "profile"_a, "trace"_a, "force"_a);
  m.def("bench", &bench, "model"_a, "file"_a, "options"_a, "session"_a, "done"_a);
  m.def("export_onnx", &export_onnx, "checkpoint"_a, "onnx"_a, "model_name"_a, "opset"_a, "force"_a,
        nb::sig("def export_onnx(checkpoint: bytes, onnx: bytes, model_name: str, opset: int, force: bool) -> "
                "dict[str, typing.Any]"));
}

}  // namespace smlp::python
