// smlp bench: throughput, latency and memory over batch sizes, beside the guide's own table.
#include "cli/command.h"
#include "cli/console.h"
#include "cli/model_options.h"
#include "cli/profile_tables.h"
#include "cli/table.h"
#include "tasks/benchmark.h"
#include "tasks/named_output.h"
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

// Nothing where the peak is not to be trusted.
std::string share_of_peak(const BenchmarkReport& report, const BatchTimes& times, bool for_people) {
  if (report.peak_doubt().empty()) return fmt::format("{:.1f}", 100 * times.share_of_peak);
  return for_people ? "?" : "";
}

// One row per batch size; the columns that only the guide's network has come last.
std::vector<Row> rows_of(const BenchmarkReport& report, bool for_people) {
  std::vector<Row> rows;
  for (const BatchTimes& t : report.results) {
    const std::string mark = !t.doubt().empty() ? " !" : &t == report.best() ? " *" : "";
    Row row = {
        fmt::format("{}", t.batch),           fmt::format("{:.1f}{}", t.images_per_second, for_people ? mark : ""),
        fmt::format("{:.2f}", t.min),         fmt::format("{:.2f}", t.median),
        fmt::format("{:.2f}", t.p90),         fmt::format("{:.2f}", t.p99),
        share_of_peak(report, t, for_people), fmt::format("{:.0f}", t.peak_rss_mb)};
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

// The verdict is a column of its own: "ok", or why a row is not to be trusted, and the same of its share of the peak.
void print_csv(const BenchmarkReport& report) {
  Row titles = titles_of(report);
  titles.insert(titles.end(), {"verdict", "verdict on % of peak"});
  print_joined(titles, "", ",", "");
  const auto verdict = [](const std::string& doubt) { return doubt.empty() ? "ok" : "not to be trusted: " + doubt; };
  std::vector<Row> rows = rows_of(report, false);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].push_back(verdict(report.results[i].doubt()));
    rows[i].push_back(verdict(report.peak_doubt()));
    print_joined(rows[i], "", ",", "");
  }
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
    if (t.doubt().empty()) continue;
    lines.push_back(fmt::format("! Not to be trusted: at batch {} {}.", t.batch, t.doubt()));
  }
  if (!report.peak_doubt().empty()) {
    lines.push_back(fmt::format("? Shares of the peak are not to be trusted: {}.", report.peak_doubt()));
  }
  return lines;
}

// How a report is laid out: `prose` breaks a paragraph, `text` makes a table whose first column is aligned as given
// (all others hold numbers), and `gap` ends a paragraph.
struct Layout {
  std::string (*prose)(std::string_view text);
  std::string (*text)(const Row& titles, const std::vector<Row>& rows, Table::Align first);
  std::string_view gap;
};

std::string wrapped_text(std::string_view text) {
  return fmt::format("{}", fmt::join(wrapped(text, terminal_width()), "\n"));
}
std::string one_line(std::string_view text) { return std::string(text); }

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
  cli::print("\n{}{}{}\n{}", layout.prose(tables.heading), layout.gap,
             layout.text(tables.titles, tables.kinds, Table::Align::left),
             layout.text(tables.titles, tables.steps, Table::Align::left));
}

void print_report(const BenchmarkReport& report, const Layout& layout) {
  std::vector<std::string> lines;
  for (const std::string& remark : remarks(report)) lines.push_back(layout.prose(remark));
  cli::print("{}{}{}{}\n", layout.prose(heading(report)), layout.gap,
             layout.text(titles_of(report), rows_of(report, true), Table::Align::right), fmt::join(lines, layout.gap));
  bool profiled = false;
  for (const BatchTimes& times : report.results) {
    if (times.profile) print_profile(times, report.peak_gflops, layout);
    profiled = profiled || times.profile;
  }
  if (profiled) cli::print("\n{}\n", layout.prose(profile_explanation()));
}

Result<Exit> compare(const std::vector<std::string>& files, bool json) {
  SMLP_TRY(before, read_benchmark_json(files[0]));
  SMLP_TRY(after, read_benchmark_json(files[1]));
  SMLP_TRY(comparison, compare_benchmarks(before, after));
  const Exit status = comparison.verdict == Verdict::slower ? exit_slower : exit_ok;
  for (const std::string& difference : comparison.differences) report_warning("not the same " + difference);
  for (const std::string& doubt : comparison.doubts) report_warning("not to be trusted: " + doubt);
  if (json) {
    cli::print("{}\n", printable_json(comparison_json(comparison)));
    return status;
  }
  using enum Table::Align;
  Table table({"batch", "ratio", "+-", "verdict"}, {right, right, right, left});
  for (const BatchComparison& b : comparison.batches) {
    table.add({fmt::format("{}", b.batch), fmt::format("{:.3f}", b.ratio), fmt::format("{:.3f}", b.uncertainty),
               std::string(verdict_word(b.verdict))});
  }
  cli::print("{}{} is {} than {}\n", table.text(terminal_width()), printable(files[1]),
             comparison.verdict == Verdict::cannot_tell ? "neither faster nor slower for certain (can't tell)"
                                                        : verdict_word(comparison.verdict),
             printable(files[0]));
  return status;
}

Result<Exit> run(Options& options) {
  if (!options.compare.empty() && (options.csv || options.markdown))
    return usage_error("--compare writes text or --json");
  if (!options.compare.empty()) return compare(options.compare, options.json);
  if (options.json + options.csv + options.markdown > 1) return usage_error("give one of --json, --csv and --markdown");
  if (options.csv && options.benchmark.profile) return usage_error("a profile is no CSV: give --json or --markdown");
  if (options.force && options.trace.empty()) return usage_error("--force is for the file of --trace");
  std::optional<NamedOutput> trace;
  if (!options.trace.empty()) {
    using enum NamedOutput::Mode;
    SMLP_TRY(created, NamedOutput::create(options.trace, options.force ? force : fresh, is_trace, "a trace of bench"));
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
  SMLP_TRY(provenance, provenance_of_file(options.model.model));
  SMLP_TRY(report, run_benchmark(network, options.benchmark, done));
  provenance.precision = report.precision;
  provenance.isa = report.isa;
  provenance.threads = report.threads;
  report.provenance = std::move(provenance);
  if (options.json) {
    print("{}\n", printable_json(benchmark_json(report)));
  } else if (options.csv) {
    print_csv(report);
  } else if (options.markdown) {
    print_report(report, {one_line, markdown_text, "\n\n"});
  } else {
    print_report(report, {wrapped_text, table_text, "\n"});
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
