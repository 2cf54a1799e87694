// smlp bench: throughput, latency and memory over batch sizes, beside the guide's own table.
#include "base/atomic_file.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/model_options.h"
#include "cli/profile_tables.h"
#include "cli/table.h"
#include "tasks/benchmark.h"
#include "tasks/trace.h"

namespace smlp::cli {
namespace {

constexpr Exit exit_slower = static_cast<Exit>(3);

struct Options {
  ModelOptions model;
  BenchmarkOptions benchmark;
  std::vector<std::string> compare;
  bool json = false, csv = false, markdown = false;
  std::string trace;  // file; empty: none
  bool force = false;
};

using Row = std::vector<std::string>;

// One row per batch size; the columns that only the guide's network has come last.
std::vector<Row> rows_of(const BenchmarkReport& report, bool mark_best) {
  std::vector<Row> rows;
  for (const BatchTimes& t : report.results) {
    Row row = {fmt::format("{}", t.batch),
               fmt::format("{:.1f}{}", t.images_per_second, mark_best && &t == report.best() ? " *" : ""),
               fmt::format("{:.2f}", t.min),
               fmt::format("{:.2f}", t.median),
               fmt::format("{:.2f}", t.p90),
               fmt::format("{:.2f}", t.p99),
               fmt::format("{:.1f}", 100 * t.share_of_peak),
               fmt::format("{:.0f}", t.peak_rss_mb)};
    if (report.is_guides) {
      const GuideThroughput* guide = find_guide_throughput(t.batch);
      for (const double theirs : {guide ? guide->npu : 0.0, guide ? guide->t4 : 0.0}) {
        row.push_back(guide ? fmt::format("{:.1f}", theirs) : "");
        row.push_back(guide ? fmt::format("{:.2f}", t.images_per_second / theirs) : "");
      }
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Row titles_of(const BenchmarkReport& report) {
  Row titles = {"batch", "images/s", "min ms", "median ms", "p90 ms", "p99 ms", "% of peak", "peak MB"};
  if (report.is_guides) titles.insert(titles.end(), {"310P images/s", "ours/310P", "T4 images/s", "ours/T4"});
  return titles;
}

void print_joined(const Row& cells, std::string_view before, std::string_view between, std::string_view after) {
  cli::print("{}{}{}\n", before, fmt::join(cells, between), after);
}

void print_csv(const BenchmarkReport& report) {
  print_joined(titles_of(report), "", ",", "");
  for (const Row& row : rows_of(report, false)) print_joined(row, "", ",", "");
}

std::string heading(const BenchmarkReport& report) {
  return fmt::format("{}, {}, {} kernels, {} thread{}{}, {} mode, {}; peak {:.0f} GFLOP/s; {:.2f} GMAC a picture",
                     printable(report.model), printable(report.precision), printable(report.isa), report.threads,
                     report.threads == 1 ? "" : "s", report.pinned ? " pinned" : "", printable(report.mode),
                     printable(report.machine), report.peak_gflops, report.gmacs);
}

// What the columns mean, and whether they can be trusted.
std::vector<std::string> remarks(const BenchmarkReport& report) {
  std::vector<std::string> lines;
  if (const BatchTimes* best = report.best()) lines.push_back(fmt::format("* best batch size: {}", best->batch));
  lines.push_back(
      "Times are of one execution: a batch in memory to its logits, without decoding, preprocessing and copies.");
  if (!report.is_guides)
    lines.push_back("The guide's columns are left out: they are of sMLPNet-T at 224 with 1000 classes.");
  for (const BatchTimes& t : report.results) {
    if (t.spread() <= kNoisySpread) continue;
    lines.push_back(
        fmt::format("Not to be trusted: at batch {} executions spread over {:.0f} % of their median; "
                    "something else used the machine.",
                    t.batch, 100 * t.spread()));
  }
  return lines;
}

// How a report is laid out: `text` makes a table whose first column is aligned as given (all others hold numbers), and
// `gap` ends a paragraph.
struct Layout {
  std::string (*text)(const Row& titles, const std::vector<Row>& rows, Table::Align first);
  std::string_view gap;
};

std::string table_text(const Row& titles, const std::vector<Row>& rows, Table::Align first) {
  std::vector aligns(titles.size(), Table::Align::right);
  aligns[0] = first;
  Table table(titles, aligns);
  for (const Row& row : rows) table.add(row);
  return table.text(terminal_width());
}

std::string markdown_text(const Row& titles, const std::vector<Row>& rows, Table::Align first) {
  Row rules(titles.size(), "---:");
  if (first == Table::Align::left) rules[0] = "---";
  std::string text = fmt::format("| {} |\n| {} |\n", fmt::join(titles, " | "), fmt::join(rules, " | "));
  for (const Row& row : rows) text += fmt::format("| {} |\n", fmt::join(row, " | "));
  return text + "\n";
}

void print_profile(const BatchTimes& times, double peak_gflops, const Layout& layout) {
  const ProfileTables tables = profile_tables(times, peak_gflops);
  cli::print("\n{}{}{}\n{}", tables.heading, layout.gap, layout.text(tables.titles, tables.kinds, Table::Align::left),
             layout.text(tables.titles, tables.steps, Table::Align::left));
}

void print_report(const BenchmarkReport& report, const Layout& layout) {
  cli::print("{}{}{}{}\n", heading(report), layout.gap,
             layout.text(titles_of(report), rows_of(report, true), Table::Align::right),
             fmt::join(remarks(report), layout.gap));
  bool profiled = false;
  for (const BatchTimes& times : report.results) {
    if (times.profile) print_profile(times, report.peak_gflops, layout);
    profiled = profiled || times.profile;
  }
  if (profiled) cli::print("\n{}\n", profile_explanation());
}

std::string_view word(Verdict verdict) {
  return verdict == Verdict::faster ? "faster" : verdict == Verdict::slower ? "slower" : "can't tell";
}

Result<Exit> compare(const std::vector<std::string>& files) {
  SMLP_TRY(before, read_benchmark_json(files[0]));
  SMLP_TRY(after, read_benchmark_json(files[1]));
  SMLP_TRY(comparison, compare_benchmarks(before, after));
  for (const std::string& difference : comparison.differences) report_warning("not the same " + difference);
  using enum Table::Align;
  Table table({"batch", "ratio", "+-", "verdict"}, {right, right, right, left});
  for (const BatchComparison& b : comparison.batches) {
    table.add({fmt::format("{}", b.batch), fmt::format("{:.3f}", b.ratio), fmt::format("{:.3f}", b.uncertainty),
               std::string(word(b.verdict))});
  }
  cli::print("{}{} is {} than {}\n", table.text(terminal_width()), printable(files[1]),
             comparison.verdict == Verdict::cannot_tell ? "neither faster nor slower for certain (can't tell)"
                                                        : word(comparison.verdict),
             printable(files[0]));
  return comparison.verdict == Verdict::slower ? exit_slower : exit_ok;
}

Result<Exit> run(Options& options) {
  if (!options.compare.empty()) return compare(options.compare);
  if (options.json + options.csv + options.markdown > 1) return usage_error("give one of --json, --csv and --markdown");
  if (options.csv && options.benchmark.profile) return usage_error("a profile is no CSV: give --json or --markdown");
  if (options.force && options.trace.empty()) return usage_error("--force is for the file of --trace");
  std::optional<AtomicFile> trace;  // made before the measurement, so that a wrong path costs no time
  if (!options.trace.empty()) {
    SMLP_TRY(created, AtomicFile::create(options.trace, options.force ? Existing::replace : Existing::keep));
    trace.emplace(std::move(created));
  }
  SMLP_TRY(named, load_named_model(options.model.model, options.model.classes));
  const std::shared_ptr<const Network>& network = named.model.network();
  options.benchmark.threads = options.model.session.threads;
  options.benchmark.isa = options.model.session.isa;
  options.benchmark.pin = options.model.session.pin;
  options.benchmark.mode = options.model.session.mode;
  options.benchmark.precision = options.model.session.precision.value_or(network->precision);
  const auto done = [&](const BatchTimes& t) {
    if (remarks_on_terminal()) fmt::print(stderr, "batch {}: {:.1f} images/s\n", t.batch, t.images_per_second);
  };
  SMLP_TRY(report, run_benchmark(network, options.benchmark, done));
  if (options.json) {
    print("{}\n", printable_json(benchmark_json(report)));
  } else if (options.csv) {
    print_csv(report);
  } else if (options.markdown) {
    print_report(report, {markdown_text, "\n\n"});
  } else {
    print_report(report, {table_text, "\n"});
  }
  if (trace) {
    SMLP_CHECK(trace->write(trace_json(report)));
    SMLP_CHECK(trace->commit());
  }
  return exit_ok;
}

}  // namespace

Run add_bench(CommandLine& line) {
  auto options = std::make_shared<Options>();
  BenchmarkOptions& benchmark = options->benchmark;
  options->model.session.pin = true;
  add_model_options(line, options->model, "FILE");
  line.numbers("--batch", benchmark.batch_sizes, 1, 4096)
      .named("N,N,...")
      .help("Batch sizes, with commas between (default: 1,4,8,16,32,64)");
  line.number("--loop", benchmark.loop, 1, 1'000'000'000).help("Executions of each batch size");
  line.number("--duration", benchmark.seconds, 0.001, 86400).excludes("--loop");
  line.number("--warmup", benchmark.warmup, 0, 1'000'000);
  line.flag("--json", options->json).help("Write JSON");
  line.flag("--csv", options->csv);
  line.flag("--markdown", options->markdown);
  line.flag("--profile", benchmark.profile);
  line.text("--trace", options->trace).needs("--profile");
  line.flag("--force", options->force).help("Replace the trace of an earlier run");
  line.texts("--compare", options->compare)
      .takes(2)
      .excludes("--profile")
      .help("Two files of --json: is the second faster? Exits with 3 where it is slower, else with 0");
  line.examples({"smlp bench --batch 1,8 --duration 2", "smlp bench smlp_t.smlp --loop 100 --json > now.json",
                 "smlp bench --batch 8 --profile --trace trace.json", "smlp bench --compare before.json now.json"});
  return [options] { return run(*options); };
}

}  // namespace smlp::cli
