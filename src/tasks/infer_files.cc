#include "tasks/infer_files.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <optional>
#include <random>

#include "base/sha256.h"
#include "data/input_files.h"
#include "pipeline/ordered_pipeline.h"
#include "tasks/input_labels.h"
#include "tasks/run_results.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double milliseconds(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Batches through the session, each step timed.
class Executor {
 public:
  Executor(Session& session, const InferFilesOptions& options)
      : session_(session),
        floats_(static_cast<std::size_t>(session.model().in_channels()) *
                static_cast<std::size_t>(session.model().image_size()) *
                static_cast<std::size_t>(session.model().image_size())),
        classes_(static_cast<std::size_t>(session.model().classes())),
        loop_(options.loop),
        input_(static_cast<std::size_t>(options.batch) * floats_),
        logits_(static_cast<std::size_t>(options.batch) * classes_) {}

  Result<void> warm_up(int times) {
    for (int i = 0; i < times; ++i) SMLP_CHECK(session_.run(input_, static_cast<int>(capacity()), logits_));
    return {};
  }

  std::size_t capacity() const { return input_.size() / floats_; }
  std::size_t filled() const { return filled_; }
  std::size_t classes() const { return classes_; }

  // Copies one picture to the next place of the batch.
  void put(std::span<const float> picture) {
    const auto start = Clock::now();
    std::memcpy(input_.data() + filled_ * floats_, picture.data(), floats_ * sizeof(float));
    copy_in_ += milliseconds(start);
    ++filled_;
  }

  // Runs what is in the batch; `logits` gets its rows.
  Result<void> execute(std::vector<float>& logits) {
    h2d_.push_back(std::exchange(copy_in_, 0));
    const auto input = std::span(input_).first(filled_ * floats_);
    const auto output = std::span(logits_).first(filled_ * classes_);
    for (int i = 0; i < loop_; ++i) {
      const auto start = Clock::now();
      SMLP_CHECK(session_.run(input, static_cast<int>(filled_), output));
      compute_.push_back(milliseconds(start));
      rows_ += filled_;
    }
    const auto start = Clock::now();
    logits.assign(output.begin(), output.end());
    d2h_.push_back(milliseconds(start));
    filled_ = 0;
    return {};
  }

  void report(InferFilesReport& out) const {
    out.h2d = statistics(h2d_);
    out.compute = statistics(compute_);
    out.d2h = statistics(d2h_);
    out.compute_list = compute_;
    if (compute_.empty()) return;
    out.mean_rows = static_cast<double>(rows_) / static_cast<double>(compute_.size());
    out.throughput = out.compute.mean > 0 ? 1000 * out.mean_rows / out.compute.mean : 0;
  }

 private:
  Session& session_;
  std::size_t floats_, classes_;
  int loop_;
  std::vector<float> input_, logits_;
  std::size_t filled_ = 0, rows_ = 0;
  double copy_in_ = 0;
  std::vector<double> h2d_, compute_, d2h_;
};

// Puts the rows of inputs into batches and gives each input its logits back when its last row is done.
class Batcher {
 public:
  Batcher(Executor& executor, RunResults& sink) : executor_(executor), sink_(sink) {}

  Result<void> add(const InputFile& file, std::span<const float> rows) {
    pending_.push_back({.file = &file, .logits = {}});
    const std::size_t floats = rows.size() / static_cast<std::size_t>(file.rows);
    for (std::size_t at = 0; at < rows.size(); at += floats) {
      executor_.put(rows.subspan(at, floats));
      if (executor_.filled() == executor_.capacity()) SMLP_CHECK(flush());
    }
    return {};
  }

  Result<void> add_broken(const InputFile& file) {
    pending_.push_back({.file = &file, .logits = {}, .broken = true});
    return release();
  }

  Result<void> flush() {
    if (executor_.filled() > 0) {
      SMLP_CHECK(executor_.execute(logits_));
      std::span<const float> rest = logits_;
      for (Pending& input : pending_) {
        const std::size_t wanted = input.missing(executor_.classes());
        const auto part = rest.first(std::min(wanted, rest.size()));
        input.logits.insert(input.logits.end(), part.begin(), part.end());
        rest = rest.subspan(part.size());
      }
    }
    return release();
  }

 private:
  struct Pending {
    const InputFile* file;
    std::vector<float> logits;
    bool broken = false;
    std::size_t missing(std::size_t classes) const {
      return broken ? 0 : static_cast<std::size_t>(file->rows) * classes - logits.size();
    }
  };

  // Writes, in order, the inputs that are complete.
  Result<void> release() {
    while (!pending_.empty() && pending_.front().missing(executor_.classes()) == 0) {
      SMLP_CHECK(sink_.write(*pending_.front().file, pending_.front().logits));
      pending_.pop_front();
    }
    return {};
  }

  Executor& executor_;
  RunResults& sink_;
  std::deque<Pending> pending_;
  std::vector<float> logits_;
};

std::string hash_of(const std::string& text) { return sha256_of(std::as_bytes(std::span(text))); }

// Of what the inputs are, wherever and whenever they were written.
std::string list_sha256(const std::vector<InputFile>& files) {
  std::string text;
  for (const InputFile& file : files) {
    text += fmt::format("{}\n{} {}\n", file.path.filename().string(), file.bytes, file.rows);
  }
  return hash_of(text);
}

RunIdentity identity_of(const InferFilesOptions& options, const std::vector<InputFile>& files, int classes) {
  std::string text = options.input.empty() ? fmt::format("made up {}", static_cast<int>(options.pure)) : "";
  for (const InputFile& file : files) {
    text += fmt::format("{}\n{} {} {}\n", file.path.filename().string(), file.bytes, file.mtime_ns, file.rows);
  }
  const Provenance& from = options.provenance;
  return {.program = from.program(),
          .model_sha256 = from.model_sha256,
          .precision = from.precision,
          .isa = from.isa,
          .preprocess = from.preprocess,
          .inputs_sha256 = hash_of(text),
          .shard = "",
          .format = std::string(result_extension(options.format)),
          .packed = options.packed,
          .classes = classes};
}

struct Loaded {
  Result<void> outcome;
  std::vector<float> rows;
};

Loaded load(const InputFile& file, const InputSpec& spec) {
  try {
    Loaded loaded{.outcome = {}, .rows = std::vector<float>(static_cast<std::size_t>(file.rows) * spec.floats())};
    loaded.outcome = read_input(file, spec, loaded.rows);
    return loaded;
  } catch (const std::exception& error) {  // memory ran out
    return {.outcome = fail(Error{.what = error.what(), .file = file.path.string(), .transient = true}), .rows = {}};
  }
}

Result<void> run_inputs(Executor& executor, RunResults& sink, const std::vector<InputFile>& files,
                        const std::vector<bool>& done, const InputSpec& spec, int threads, InferFilesReport& report,
                        const InferFilesWatch& watch) {
  std::vector<const InputFile*> todo;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!done[i]) todo.push_back(&files[i]);
  }
  report.resumed = files.size() - todo.size();
  Batcher batcher(executor, sink);
  const auto consume = [&](std::size_t i, Loaded&& loaded) -> Result<void> {
    const InputFile& file = *todo[i];
    if (loaded.outcome) {
      report.pictures += static_cast<std::uint64_t>(file.rows);
      SMLP_CHECK(batcher.add(file, loaded.rows));
    } else {
      // A picture may turn out broken only when it is decoded; prepared files were checked, so that is no small matter.
      // Nor is it the picture's fault where the machine fails.
      const bool to_blame = file.kind == InputKind::picture && !loaded.outcome.error().transient;
      if (!to_blame) return fail(std::move(loaded.outcome).error());
      ++report.broken;
      if (watch.broken) watch.broken(loaded.outcome.error());
      SMLP_CHECK(batcher.add_broken(file));
    }
    if (watch.progress) watch.progress(report.resumed + i + 1, files.size());
    return {};
  };
  SMLP_CHECK(ordered_pipeline(
      todo.size(), threads, static_cast<std::size_t>(2 * threads + 2),
      [&](std::size_t i) { return load(*todo[i], spec); }, consume));
  return batcher.flush();
}

std::vector<float> made_up_picture(PureData kind, std::size_t floats) {
  std::vector<float> picture(floats, 0.0F);
  if (kind == PureData::zero) return picture;
  std::mt19937 generator(20220622);
  std::normal_distribution<float> normal;  // what normalised pictures look like
  for (float& value : picture) value = normal(generator);
  return picture;
}

// One input of `batch` made-up pictures; its result is named as the guide's tool names it.
Result<void> run_pure(Executor& executor, RunResults& sink, const InferFilesOptions& options, const InputSpec& spec,
                      InferFilesReport& report, std::vector<InputFile>& files) {
  files = {{.path = "pure_infer_data", .rows = options.batch}};
  Batcher batcher(executor, sink);
  const auto picture = made_up_picture(options.pure, spec.floats());
  std::vector<float> rows;
  for (int i = 0; i < options.batch; ++i) rows.insert(rows.end(), picture.begin(), picture.end());
  report.pictures = static_cast<std::uint64_t>(options.batch);
  return batcher.add(files[0], rows);
}

InputSpec input_spec(const Model& model, int batch) {
  return {.channels = model.in_channels(), .side = model.image_size(), .how = model.preprocessing(), .max_rows = batch};
}

std::string kinds_text(const std::vector<InputFile>& files) {
  std::size_t rows = 0;
  for (const InputFile& file : files) rows += static_cast<std::size_t>(file.rows);
  return fmt::format("{} input files, {} pictures, every size and type checked", files.size(), rows);
}

void note(const InferFilesWatch& watch, const std::string& text) {
  if (watch.note) watch.note(text);
}

Result<void> check_stems(const std::vector<InputFile>& files, bool packed) {
  for (const InputFile& file : files) {
    if (packed && file.stem().find_first_of("\t\n") != std::string::npos) {
      return fail(Error{.what = "has a tab or a line break in its name, which the list of packed results cannot hold",
                        .file = file.path.string(),
                        .remedy = "rename it"});
    }
  }
  return {};
}

std::string summary_of(const InferFilesReport& report, const InferFilesOptions& options, const RunResults& results,
                       const std::vector<InputFile>& files, int classes) {
  std::vector<FileResult> pairs;
  for (const InputFile& file : files) pairs.push_back({file.path.string(), results.path_of(file).string()});
  return infer_summary(report, options, pairs, classes);
}

// Where the results of `files` go: nowhere, or into a folder that is new, resumed or replaced.
Result<RunResults> open_results(const InferFilesOptions& options, const std::vector<InputFile>& files, int classes,
                                InferFilesReport& report, const InferFilesWatch& watch) {
  if (options.output.empty()) return RunResults();
  std::vector<fs::path> inputs;
  for (const InputFile& file : files) inputs.push_back(file.path);
  const RunIdentity identity = identity_of(options, files, classes);
  SMLP_TRY(
      place,
      choose_folder(
          {.output = options.output, .name = options.output_dirname, .resume = options.resume, .force = options.force},
          identity, inputs));
  report.folder = place.path;
  report.summary = summary_path(place.path);
  note(watch, fmt::format("output path:{}", place.path.string()));
  return RunResults::open(std::move(place), identity, provenance_text(options.provenance),
                          {.format = options.format, .packed = options.packed, .classes = classes}, files);
}

}  // namespace

Result<InferFilesReport> infer_files(Session& session, InferFilesOptions options, const InferFilesWatch& watch) {
  const InputSpec spec = input_spec(session.model(), options.batch);
  const int classes = session.model().classes();
  std::vector<InputFile> files;
  InputManifest inputs;
  if (!options.input.empty()) {
    SMLP_TRY(listing, list_inputs(options.input, spec));
    files = std::move(listing.files);
    if (!listing.ignored.empty()) {
      note(watch, fmt::format("{} files that are no .bin, .npy or picture are left out, the first is {}",
                              listing.ignored.size(), listing.ignored.front().string()));
    }
    for (const std::string& warning : listing.warnings) {
      if (watch.warning) watch.warning(warning);
    }
    note(watch, kinds_text(files));
    SMLP_CHECK(check_stems(files, options.packed));
    options.provenance.inputs_sha256 = list_sha256(files);
    if (!options.output.empty()) {
      SMLP_TRY(described, describe_inputs(files));
      inputs = std::move(described);
    }
  }

  InferFilesReport report;
  SMLP_TRY(results, open_results(options, files, classes, report, watch));
  SMLP_CHECK(results.write_inputs(inputs));
  Executor executor(session, options);
  std::vector<bool> done = results.done();
  done.resize(files.size());
  for (const Error& error : results.broken_before()) {
    ++report.broken;
    if (watch.broken) watch.broken(error);
  }
  SMLP_CHECK(executor.warm_up(options.warmup));
  note(watch, fmt::format("warm up {} done", options.warmup));
  if (watch.progress && !files.empty()) {
    watch.progress(static_cast<std::uint64_t>(std::ranges::count(done, true)), files.size());
  }

  const auto start = Clock::now();
  const bool pictures = std::ranges::any_of(files, [](const auto& f) { return f.kind == InputKind::picture; });
  SMLP_CHECK(options.input.empty()
                 ? run_pure(executor, results, options, spec, report, files)
                 : run_inputs(executor, results, files, done, spec, pictures ? session.threads() : 1, report, watch));
  SMLP_CHECK(results.finish());
  report.wall_seconds = milliseconds(start) / 1000;
  executor.report(report);
  // Where an earlier run did all the work, its summary with its timings stays.
  std::error_code code;
  const bool nothing_new = results.resumed() && report.compute_list.empty() && fs::exists(report.summary, code);
  SMLP_CHECK(results.write_summary(nothing_new ? "" : summary_of(report, options, results, files, classes)));
  return report;
}

}  // namespace smlp
