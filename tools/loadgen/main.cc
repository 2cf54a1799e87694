// smlp under MLCommons LoadGen: prepared pictures in memory, answered through the public API.
//
//   smlp_loadgen --scenario SingleStream|Offline|Server --mode performance|accuracy --model FILE --pictures LIST
//                --config user.conf --out FOLDER [--threads N] [--precision NAME] [--encoded]
//
// LIST is a path a line; sample i of LoadGen is line i. run.py beside this file writes the list and the configuration,
// and reads the logs.
#include <charconv>
#include <cstdio>
#include <exception>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "library.h"
#include "loadgen.h"
#include "system.h"
#include "test_settings.h"

namespace {

struct Options {
  std::string scenario, mode, model, pictures, config, out;
  std::optional<smlp::Precision> precision;
  int threads = 0;
  bool encoded = false;
};

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "smlp_loadgen: %s\n", what.c_str());
  std::exit(2);
}

int number(const std::string& name, const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1) refuse(name + " " + text + ": no number");
  return value;
}

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    if (name == "--encoded") {
      options.encoded = true;
      continue;
    }
    if (i + 1 == arguments.size()) refuse(name + ": without a value");
    const std::string& value = arguments[++i];
    if (name == "--threads") {
      options.threads = number(name, value);
    } else if (name == "--precision") {
      const smlp::Precision* const found = smlp::find_precision(value);
      if (found == nullptr) refuse("no precision " + value);
      options.precision = *found;
    } else if (std::string* const text = name == "--scenario"   ? &options.scenario
                                         : name == "--mode"     ? &options.mode
                                         : name == "--model"    ? &options.model
                                         : name == "--pictures" ? &options.pictures
                                         : name == "--config"   ? &options.config
                                         : name == "--out"      ? &options.out
                                                                : nullptr) {
      *text = value;
    } else {
      refuse("no option " + name);
    }
  }
  for (const std::string* text : {&options.model, &options.pictures, &options.config, &options.out}) {
    if (text->empty()) refuse("--model, --pictures, --config and --out are needed");
  }
  return options;
}

mlperf::TestSettings settings_of(const Options& options) {
  mlperf::TestSettings settings;
  if (options.scenario == "SingleStream") {
    settings.scenario = mlperf::TestScenario::SingleStream;
  } else if (options.scenario == "Offline") {
    settings.scenario = mlperf::TestScenario::Offline;
  } else if (options.scenario == "Server") {
    settings.scenario = mlperf::TestScenario::Server;
  } else {
    refuse("--scenario SingleStream, Offline or Server");
  }
  if (options.mode != "performance" && options.mode != "accuracy") refuse("--mode performance or accuracy");
  settings.mode = options.mode == "accuracy" ? mlperf::TestMode::AccuracyOnly : mlperf::TestMode::PerformanceOnly;
  // The values of the file over those that LoadGen has for image classification: official seeds, lengths and counts.
  if (settings.FromConfig(options.config, "resnet50", options.scenario, 1) != 0)
    refuse(options.config + ": cannot be read");
  return settings;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  if (lines.empty()) refuse(path + ": no picture is listed");
  return lines;
}

int run(const Options& options) {
  mlperf::TestSettings settings = settings_of(options);
  auto model = smlp::Model::load(options.model);
  if (!model) refuse(model.error().message());
  smlp::loadgen::Library library(*model, lines_of(options.pictures), options.encoded);
  auto system = smlp::loadgen::make_system(options.scenario, *model, library,
                                           {.threads = options.threads, .precision = options.precision});
  if (!system) refuse(system.error().message());
  mlperf::LogSettings logs;
  logs.log_output.outdir = options.out;
  logs.enable_trace = false;
  mlperf::StartTest(system->get(), &library, settings, logs);
  const std::string wrong = library.error().empty() ? (*system)->error() : library.error();
  if (!wrong.empty()) std::fprintf(stderr, "smlp_loadgen: %s\n", wrong.c_str());
  return wrong.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse({argv + 1, argv + argc}));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "smlp_loadgen: %s\n", error.what());
    return 1;
  }
}
