// smlp infer: prepared pictures -> logits in files, with the flags, files and log lines of the guide's tool.
#include <optional>

#include "cli/command.h"
#include "cli/console.h"
#include "cli/guide_log.h"
#include "cli/json_line.h"
#include "cli/model_options.h"
#include "cli/output_dirname_option.h"
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
  std::vector<std::string> idle = {};  // the guide's flags that mean nothing beside the others, and why
  std::string shard;
  bool json = false;
  bool guide = false;  // the log is written as the guide's tool writes it, to the letter
};

// What the guide's tool takes and what means nothing here; scripts of the guide go on, and are told.
std::vector<std::string> idle_flags(const CommandLine& line, const Options& options) {
  const auto given = [&](std::string_view name) { return line.find(name)->given > 0; };
  std::vector<std::string> idle;
  if (options.device != "0") {
    idle.push_back(fmt::format("--device {} means nothing here: this machine's CPU is the one device", options.device));
  }
  if (given("--pure-data-type") && given("--data")) {
    idle.emplace_back("--pure_data_type means nothing here: the data are those of --input");
  }
  if (given("--format") && !given("--output")) {
    idle.emplace_back("--outfmt means nothing here: without --output nothing is written");
  }
  return idle;
}

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

void log_all_times(const InferFilesReport& report, int loop, bool guide) {
  guide ? log_guide_times(report) : log_times(report);
  log_info("wall clock: {} pictures{} in {:.3f} s, {:.2f} images/s", report.pictures,
           loop > 1 ? fmt::format(" {} times", loop) : "", report.wall_seconds, report.images_per_second(loop));
  if (guide) log_info("{}", timing_explanation());
}

void log_report(const InferFilesReport& report, const InferFilesOptions& options, bool guide) {
  if (report.compute_list.empty()) {
    log_info("nothing went through the network: there are no times");
  } else {
    log_all_times(report, options.loop, guide);
  }
  if (!report.summary.empty()) log_info("summary: {}", report.summary.string());
}

Result<Opened> open(Options& options) {
  for (const std::string& flag : options.idle) {
    if (!options.json) log_info("{}", flag);
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
  report_error(fmt::format("{} of {} inputs could not be read and have no result", report.broken, report.inputs));
  return exit_bad_input;
}

Result<Exit> run(Options& options) {
  InferFilesOptions& files = options.files;
  if (files.packed && files.format != ResultFormat::npy)
    return usage_error("--packed writes one .npy: give --outfmt NPY");
  const auto shard = shard_of(options.shard);
  if (!shard) return usage_error(shard.error().message());
  files.shard = *shard;

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
  add_output_dirname_option(line, files.output_dirname);
  using enum ResultFormat;
  line.choice<ResultFormat>("--format", {{"NPY", npy}, {"BIN", bin}, {"TXT", txt}}, files.format);
  line.number("--batch", options->batch, 1, 4096)
      .help("Pictures in one execution (default: the compiled model's, else 1)");
  line.number("--loop", files.loop, 1, 1'000'000'000);
  line.number("--warmup", files.warmup, 0, 1'000'000);
  line.choice<PureData>("--pure-data-type", {{"zero", PureData::zero}, {"random", PureData::random}}, files.pure);
  line.text("--device", options->device);
  line.flag("--packed", files.packed).needs("--output");
  line.flag("--resume", files.resume)
      .needs("--output")
      .needs("--data")
      .excludes("--force")
      .help("Go on with the interrupted run in --output-dirname, or the only one in --output");
  line.flag("--force", files.force).needs("--output");
  add_limit_option(line, files.limit).needs("--data");
  add_shard_option(line, options->shard).needs("--data");
  line.flag("--json", options->json).help("Write one JSON object instead of a log");
  add_preprocess_options(line, options->model.preprocess, {"--data"});
  line.examples({"smlp infer prep_dataset result --model smlp_t.smlp --batch 8",
                 "smlp infer --model smlp_t_bs8.smlp --input prep_dataset --output result \\\n"
                 "    --outfmt NPY --batchsize 8",
                 "smlp infer --model smlp_t_bs8.smlp --batchsize 8 --loop 100"});
  return [options, &line] {
    options->guide = line.guide_spelling();
    options->idle = idle_flags(line, *options);
    options->files.arguments = own_arguments();
    return run(*options);
  };
}

}  // namespace smlp::cli
