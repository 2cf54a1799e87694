// What share of the speed that decoding and inference alone allow the commands reach, measured in one run.
//
//   pipeline_bench DATA [--models=bundled,tiny] [--threads=1,2] [--pictures=N] [--rounds=N] [--slow-ms=20]
//
// DATA is an ImageFolder. Of T threads each is one core's worth of work, so that N pictures take at least
//   ideal = (N decoded by T threads that do nothing else) + (N inferred by T threads that do nothing else);
// a command that takes `wall` seconds reaches ideal / wall. Both parts and all commands are measured in turn in every
// round, and the share is taken within the round: what else the machine does then hits both. The parts alone don't go
// through src/pipeline.
//
// With slow_open.so in LD_PRELOAD the commands run once more while each open of a picture waits; their ideal is the
// same one, since waiting needs no core.
#include <dlfcn.h>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <thread>

#include "data/image_folder.h"
#include "data/inputs.h"
#include "engine/fold.h"
#include "smlp/session.h"
#include "support/generator.h"
#include "tasks/classify.h"
#include "tasks/evaluate.h"
#include "tasks/infer_files.h"
#include "tasks/input_source.h"
#include "tasks/machine.h"
#include "tasks/preprocess_folder.h"
#include "tasks/provenance.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kBatch = 8;

struct Options {
  fs::path data;
  std::vector<std::string> models = {"bundled", "tiny"};
  std::vector<std::string> threads = {"1", "2"};
  std::size_t pictures = 0;  // 0: by the model's size
  int rounds = 3, slow_ms = 20;
};

[[noreturn]] void die(const std::string& text) {
  fmt::print(stderr, "pipeline_bench: {}\n", text);
  std::exit(1);
}

template <class T>
T value_or_die(Result<T> result) {
  if (!result) die(result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double seconds_of(const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The preloaded library's number; null without it.
std::atomic<int>* slow_open_ms() { return static_cast<std::atomic<int>*>(::dlsym(RTLD_DEFAULT, "smlp_slow_open_ms")); }

// Pictures in a folder of their own, by class, from all over `data`; deleted at the end. Broken ones are left out.
class Pictures {
 public:
  Pictures(const fs::path& data, std::size_t count, const Model& model) {
    const char* const under = std::getenv("SMLP_SLOW_UNDER");
    root_ = new_folder(under != nullptr ? fs::path(under) : fs::temp_directory_path());
    output_ = new_folder(fs::temp_directory_path());
    const ImageFolder all = value_or_die(read_image_folder(data));
    const std::size_t side = static_cast<std::size_t>(model.image_size());
    std::vector<float> chw(3 * side * side);
    for (std::size_t i = 0, taken = 0; taken < count; i += step(all.pictures.size(), count), ++taken) {
      const LabelledPicture& picture = all.pictures[i % all.pictures.size()];
      if (!model.preprocess(Image(picture.file), chw)) continue;
      const fs::path folder = root_ / "val" / all.classes[static_cast<std::size_t>(picture.label)];
      fs::create_directories(folder);
      fs::copy_file(picture.file, folder / fmt::format("{:05}_{}", taken, picture.file.filename().string()));
    }
    InputLister lister(LabelUse::required);
    value_or_die(lister.add(root_.string()));
    inputs_ = value_or_die(lister.finish());
  }
  Pictures(const Pictures&) = delete;
  Pictures& operator=(const Pictures&) = delete;
  ~Pictures() {
    fs::remove_all(root_);
    fs::remove_all(output_);
  }

  const fs::path& root() const { return root_; }
  const fs::path& output() const { return output_; }  // for results: where opening is never slow
  const Inputs& inputs() const { return inputs_; }
  const fs::path& file(std::size_t i) const { return inputs_.files[i].file; }
  std::size_t size() const { return inputs_.files.size(); }

 private:
  static fs::path new_folder(const fs::path& in) {
    std::string pattern = in / "smlp-pipeline-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) die("cannot make a folder " + pattern);
    return pattern;
  }
  static std::size_t step(std::size_t all, std::size_t count) { return std::max<std::size_t>(1, all / count); }

  fs::path root_, output_;
  Inputs inputs_;
};

Model named_model(const std::string& name) {
  if (name == "bundled") return value_or_die(Model::bundled());
  const Config* const config = find_named_config("smlpnet_" + name);
  if (config == nullptr) die("no model '" + name + "'; bundled, tiny, small and base are known");
  Network network = fold(test::make_weights(*config, 1));
  network.preprocess = Preprocess::for_image_size(config->image);
  network.source_name = name;
  return Model(std::make_shared<const Network>(std::move(network)));
}

// The parts alone and the commands, for one model and number of threads.
class Contest {
 public:
  Contest(const Model& model, int threads, const Pictures& pictures)
      : model_(model),
        threads_(threads),
        pictures_(pictures),
        session_(value_or_die(Session::create(model, {.threads = threads, .batch = kBatch}))),
        classes_(pictures.size(), 0) {}

  double decode_alone() {
    return seconds_of([&] {
      std::atomic<std::size_t> next = 0;
      const auto work = [&] {
        std::vector<float> chw(floats());
        for (std::size_t i; (i = next++) < pictures_.size();) {
          value_or_die(model_.preprocess(Image(pictures_.file(i)), chw));
        }
      };
      std::vector<std::jthread> others;
      for (int t = 1; t < threads_; ++t) others.emplace_back(work);
      work();
    });
  }

  double infer_alone() {
    const std::vector<float> input(kBatch * floats(), 0.5F);
    std::vector<float> logits(kBatch * static_cast<std::size_t>(model_.classes()));
    return seconds_of([&] {
      for (std::size_t left = pictures_.size(); left > 0;) {
        const std::size_t count = std::min<std::size_t>(left, kBatch);
        value_or_die(session_.run(std::span(input).first(count * floats()), static_cast<int>(count),
                                  std::span(logits).first(count * static_cast<std::size_t>(model_.classes()))));
        left -= count;
      }
    });
  }

  double evaluate() {
    return seconds_of([&] {
      InputSource source(pictures_.inputs().files, input_spec(model_));
      const Evaluation done =
          value_or_die(smlp::evaluate(session_, {.source = source, .labels = classes_}, EvaluateOptions(), {}));
      if (done.images() != static_cast<std::int64_t>(pictures_.size())) die("evaluate left pictures out");
    });
  }

  double classify() {
    return seconds_of([&] {
      value_or_die(classify_inputs(session_, pictures_.inputs().files, 5,
                                   [](std::size_t, const std::string&, const auto& answer) -> Result<void> {
                                     if (!answer) return std::unexpected(answer.error());
                                     return {};
                                   }));
    });
  }

  double infer() {
    const fs::path output = pictures_.output() / "result";
    const double seconds = seconds_of([&] {
      const auto report = value_or_die(infer_files(session_,
                                                   {.input = (pictures_.root() / "val").string(),
                                                    .classes = {},
                                                    .output = output,
                                                    .output_dirname = "run",
                                                    .batch = kBatch,
                                                    .warmup = 0,
                                                    .provenance = {},
                                                    .arguments = {}},
                                                   {}));
      if (report.pictures != pictures_.size()) die("infer left pictures out");
    });
    fs::remove_all(output);
    return seconds;
  }

  double preprocess() {
    const fs::path output = pictures_.output() / "made";
    const double seconds = seconds_of([&] {
      value_or_die(preprocess_folder({.data = pictures_.root().string(),
                                      .save_dir = output / "bins",
                                      .batch_size = kBatch,
                                      .how = model_.preprocessing(),
                                      .threads = threads_},
                                     {}));
    });
    fs::remove_all(output);
    return seconds;
  }

 private:
  std::size_t floats() const {
    const auto side = static_cast<std::size_t>(model_.image_size());
    return static_cast<std::size_t>(model_.in_channels()) * side * side;
  }

  const Model& model_;
  int threads_;
  const Pictures& pictures_;
  Session session_;
  std::vector<int> classes_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// A share a round: "96.1 % (95.2 to 96.8)".
std::string shares_text(const std::vector<double>& shares) {
  return fmt::format("{:5.1f} % ({:.1f} to {:.1f})", 100 * median(shares), 100 * std::ranges::min(shares),
                     100 * std::ranges::max(shares));
}

using Shares = std::map<std::string, std::vector<double>>;

void add_shares(Contest& contest, double decode, double infer, const std::string& suffix, Shares& shares) {
  const double both = decode + infer;
  shares["evaluate" + suffix].push_back(both / contest.evaluate());
  shares["classify" + suffix].push_back(both / contest.classify());
  shares["infer" + suffix].push_back(both / contest.infer());
  shares["preprocess" + suffix].push_back(decode / contest.preprocess());
}

void measure(const std::string& name, const Model& model, int threads, const Pictures& pictures,
             const Options& options) {
  Contest contest(model, threads, pictures);
  std::atomic<int>* const slow = slow_open_ms();
  Shares shares;
  std::vector<double> decoded, inferred;
  contest.decode_alone();  // the files are in memory and every thread is awake, before the first that counts
  contest.infer_alone();
  for (int round = 0; round < options.rounds; ++round) {
    const double decode_before = contest.decode_alone(), infer_before = contest.infer_alone();
    add_shares(contest, decode_before, infer_before, "", shares);
    if (slow != nullptr && options.slow_ms > 0) {
      *slow = options.slow_ms;
      add_shares(contest, decode_before, infer_before, fmt::format(" +{} ms", options.slow_ms), shares);
      *slow = 0;
    }
    // The machine may have changed its speed meanwhile: the parts once more, to tell.
    const double decode_after = contest.decode_alone(), infer_after = contest.infer_alone();
    decoded.insert(decoded.end(), {decode_before, decode_after});
    inferred.insert(inferred.end(), {infer_before, infer_after});
  }
  const auto count = static_cast<double>(pictures.size());
  const auto spread = [](const std::vector<double>& seconds) {
    return 100 * (std::ranges::max(seconds) - std::ranges::min(seconds)) / median(seconds);
  };
  fmt::print(
      "{}, {} thread{}, {} pictures: alone, {:.1f} images/s decoded (spread {:.0f} %), {:.1f} inferred ({:.0f} %)\n",
      name, threads, threads == 1 ? "" : "s", pictures.size(), count / median(decoded), spread(decoded),
      count / median(inferred), spread(inferred));
  for (const auto& [what, values] : shares) fmt::print("  {:<18} {}\n", what, shares_text(values));
  std::fflush(stdout);
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    out.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

int number(std::string_view text, int least) {
  int value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size() || value < least) {
    die(fmt::format("'{}': no number from {} on", text, least));
  }
  return value;
}

Options parse(std::span<char* const> arguments) {
  Options options;
  for (const std::string_view argument : arguments) {
    const std::size_t equals = argument.find('=');
    const std::string_view key = argument.substr(0, equals);
    const std::string_view value = equals == argument.npos ? "" : argument.substr(equals + 1);
    if (!argument.starts_with("--")) {
      options.data = argument;
    } else if (key == "--models") {
      options.models = words(value);
    } else if (key == "--threads") {
      options.threads = words(value);
    } else if (key == "--pictures") {
      options.pictures = static_cast<std::size_t>(number(value, 1));
    } else if (key == "--rounds") {
      options.rounds = number(value, 1);
    } else if (key == "--slow-ms") {
      options.slow_ms = number(value, 0);
    } else {
      die(fmt::format("{} is not an option; see the top of bench/pipeline_bench.cc", argument));
    }
  }
  if (options.data.empty()) die("name an ImageFolder of photographs");
  return options;
}

std::string load_average() {
  std::string word;
  std::ifstream("/proc/loadavg") >> word;
  return word.empty() ? "unknown" : word;
}

void print_head(const Options& options) {
  fmt::print("{}, commit {}, batches of {}, {} round{}; load before: {}\n", inspect_machine().cpu,
             program_commit().empty() ? "unknown" : program_commit(), kBatch, options.rounds,
             options.rounds == 1 ? "" : "s", load_average());
  if (slow_open_ms() == nullptr) fmt::print("no slow opens: slow_open.so is not loaded\n");
  fmt::print(
      "share of (decoding alone + inference alone), for preprocess of decoding alone: median (least to most)\n\n");
}

void run(const Options& options) {
  print_head(options);
  for (const std::string& name : options.models) {
    const Model model = named_model(name);
    const std::size_t count = options.pictures > 0 ? options.pictures : name == "bundled" ? 1000 : 200;
    const Pictures pictures(options.data, count, model);
    if (pictures.size() == 0) die("no picture there that can be read");
    for (const std::string& threads : options.threads) measure(name, model, number(threads, 1), pictures, options);
  }
  fmt::print("\nload after: {}\n", load_average());
}

}  // namespace
}  // namespace smlp

int main(int argc, char** argv) { smlp::run(smlp::parse(std::span(argv + 1, argv + argc))); }
