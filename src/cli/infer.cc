// smlp infer: prepared pictures -> logits in files, with the flags, files and log lines of the guide's tool.
#include <optional>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/guide_log.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/own_arguments.h"
#include "cli/preprocess_options.h"
#include "cli/progress.h"
#include "cli/shard_option.h"
#include "model/network.h"
#include "tasks/infer_files.h"

namespace smlp::cli {
namespace {

struct Options {
  ModelOptions model;
  InferFilesOptions files;
  int batch = 0;
  std::string device = "0";
  std::string shard;
  bool json = false;
  bool guide = false;  // the log is written as the guide's tool writes it, to the letter
};

// As the guide's tool writes them, which scripts read.
void log_guide_statistics(std::string_view name, const Statistics& s) {
  log_info("{} (ms): min = {}, max = {}, mean = {}, median = {}, percentile(99%) = {}", name, s.min, s.max, s.mean,
           s.median, s.p99);
}

void log_statistics(std::string_view name, const Statistics& s) {
  log_info("{}: {:.3f} to {:.3f} ms, mean {:.3f}, median {:.3f}, 99 % below {:.3f}", name, s.min, s.max, s.mean,
           s.median, s.p99);
}

void log_guide_times(const InferFilesReport& report) {
  log_info("-----------------Performance Summary------------------");
  log_guide_statistics("NPU_compute_time", report.compute);
  log_info("throughput 1000*batchsize.mean({})/NPU_compute_time.mean({}): {}", report.mean_rows, report.compute.mean,
           report.throughput);
  log_info("------------------------------------------------------");
  log_guide_statistics("H2D_latency", report.h2d);
  log_guide_statistics("D2H_latency", report.d2h);
}

void log_times(const InferFilesReport& report) {
  log_statistics("CPU_compute_time", report.compute);
  log_info("throughput: {:.2f} images/s of compute time alone, {:.4g} pictures in one execution", report.throughput,
           report.mean_rows);
  log_statistics("copy in", report.h2d);
  log_statistics("copy out", report.d2h);
}

void log_report(const InferFilesReport& report, const InferFilesOptions& options, bool guide) {
  guide ? log_guide_times(report) : log_times(report);
  log_info("wall clock: {} pictures{} in {:.3f} s, {:.2f} images/s", report.pictures,
           options.loop > 1 ? fmt::format(" {} times", options.loop) : "", report.wall_seconds,
           report.images_per_second(options.loop));
  if (guide) log_info("{}", timing_explanation());
  if (!report.summary.empty()) log_info("summary: {}", report.summary.string());
}

Result<Opened> open(Options& options) {
  if (options.device != "0" && !options.json) {
    log_info("--device {} means nothing here: this machine's CPU is the one device", options.device);
  }
  SMLP_TRY(named, load_named_model(options.model.model, options.model.classes, options.model.preprocess));
  const int own_batch = named.model.network()->batch;
  options.files.batch = options.batch > 0 ? options.batch : own_batch > 0 ? own_batch : 1;
  options.model.session.batch = options.files.batch;
  options.files.classes = named.classes;
  SMLP_TRY(session, Session::create(named.model, options.model.session));
  const std::string precision(precision_name(session.precision()));
  SMLP_TRY(provenance, provenance_of(session, options.model.model, precision));
  options.files.provenance = std::move(provenance);
  return Opened{std::move(named), std::move(session)};
}

Exit finish(const InferFilesReport& report) {
  if (report.broken == 0) return exit_ok;
  report_error(fmt::format("{} inputs could not be read and have no result", report.broken));
  return exit_bad_input;
}

Result<Exit> run(Options& options) {
  InferFilesOptions& files = options.files;
  if (files.output.empty() && (files.packed || files.resume || files.force || !files.output_dirname.empty())) {
    return usage_error("--packed, --resume, --force and --output_dirname need --output");
  }
  if (files.packed && files.format != ResultFormat::npy)
    return usage_error("--packed writes one .npy: give --outfmt NPY");
  if (files.resume && files.input.empty()) return usage_error("--resume needs --input");
  if (!options.shard.empty() && files.input.empty()) return usage_error("--shard needs --input");
  const auto shard = shard_of(options.shard);
  if (!shard) return usage_error(shard.error().message());
  files.shard = *shard;
  if (files.output_dirname == "." || files.output_dirname == ".." ||
      files.output_dirname.find('/') != std::string::npos) {
    return usage_error("--output_dirname is the name of a folder in --output, not a path");
  }

  SMLP_TRY(opened, open(options));
  const Session& session = opened.session;
  const auto log = [&](std::string_view line) {
    if (!options.json) log_info("{}", line);
  };
  log(fmt::format("model {}, {} kernels, {} threads, {}, batchsize {}", opened.named.model.network()->source_name,
                  session.isa(), session.threads(), files.provenance.precision, files.batch));

  std::optional<Progress> progress;
  const InferFilesWatch watch{
      .note = log,
      .warning = [&](std::string_view line) { options.json ? report_warning(line) : log_warning("{}", line); },
      .progress =
          [&](std::uint64_t done, std::uint64_t total) {
            const auto count = static_cast<std::int64_t>(done);
            if (!progress) {
              flush_output();
              progress.emplace("inputs", static_cast<std::int64_t>(total), count);
            }
            progress->update(count);
          },
      .broken =
          [&](const Error& error) {
            if (progress) progress->clear();
            report_error(error);
          }};
  auto report = infer_files(opened.session, files, watch);
  progress.reset();
  if (!report) return fail(std::move(report).error());
  if (options.json) {
    files.provenance.inputs_sha256 = report->inputs_sha256;
    print("{}\n", json_text(infer_json(*report, files, session.model().classes())));
    return finish(*report);
  }
  if (report->resumed > 0) log_info("{} inputs had their results from an earlier run", report->resumed);
  log_report(*report, files, options.guide);
  return finish(*report);
}

}  // namespace

Run add_infer(CommandLine& line) {
  auto options = std::make_shared<Options>();
  InferFilesOptions& files = options->files;
  add_model_options(line, options->model);
  line.text("--data", files.input)
      .plain("INPUT")
      .help(
          ".bin and .npy files and pictures, with commas between; folders of them, tar archives and shards "
          "(x-{000..004}.tar), @LIST, or - for a list on stdin (default: made-up data)");
  line.text("--output", files.output)
      .plain("OUT")
      .named("DIR")
      .help("Folder that gets a folder of results and its summary (default: none)");
  line.text("--output-dirname", files.output_dirname);
  using enum ResultFormat;
  line.choice<ResultFormat>("--format", {{"NPY", npy}, {"BIN", bin}, {"TXT", txt}}, files.format);
  line.number("--batch", options->batch, 1, 4096)
      .help("Pictures in one execution (default: the compiled model's, else 1)");
  line.number("--loop", files.loop, 1, 1'000'000'000);
  line.number("--warmup", files.warmup, 0, 1'000'000);
  line.choice<PureData>("--pure-data-type", {{"zero", PureData::zero}, {"random", PureData::random}}, files.pure);
  line.text("--device", options->device);
  line.flag("--packed", files.packed);
  line.flag("--resume", files.resume)
      .help("Go on with the interrupted run in --output-dirname, or the only one in --output");
  line.flag("--force", files.force);
  add_limit_option(line, files.limit);
  add_shard_option(line, options->shard);
  line.flag("--json", options->json).help("Write one JSON object instead of a log");
  add_preprocess_options(line, options->model.preprocess);
  line.examples({"smlp infer prep_dataset result --model smlp_t.smlp --batch 8",
                 "smlp infer --model smlp_t_bs8.smlp --input prep_dataset --output result --outfmt NPY \\\n"
                 "    --batchsize 8",
                 "smlp infer --model smlp_t_bs8.smlp --batchsize 8 --loop 100"});
  return [options, &line] {
    options->guide = line.guide_spelling();
    options->files.arguments = own_arguments();
    return run(*options);
  };
}

}  // namespace smlp::cli
