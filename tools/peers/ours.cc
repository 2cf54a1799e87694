// smlp's side of `./dev peers`: a process that runs batches when it is told to, through the public API alone.
//
//     smlp_peers_ours MODEL PICTURES THREADS
//
// The commands are those of tools/peers/process.py. PICTURES is a file of float32 NCHW.
#include <smlp/smlp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::vector<float> read_floats(const char* path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  std::vector<float> out(static_cast<std::size_t>(file.tellg()) / sizeof(float));
  file.seekg(0).read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size() * sizeof(float)));
  return file ? out : std::vector<float>{};
}

struct Worker {
  smlp::Model model;
  std::vector<float> pictures;  // pictures x channels x side x side
  int threads = 0;
  int batch = 0;
  std::optional<smlp::Session> session = {};
  std::vector<float> logits = {};  // batch x classes

  std::size_t picture_floats() const {
    const auto side = static_cast<std::size_t>(model.image_size());
    return static_cast<std::size_t>(model.in_channels()) * side * side;
  }
  std::size_t batch_floats() const { return static_cast<std::size_t>(batch) * picture_floats(); }

  smlp::Result<void> execute(std::size_t first_float) {
    return session->run(std::span(pictures).subspan(first_float, batch_floats()), batch, logits);
  }

  // Each returns the JSON that follows `ok`.
  smlp::Result<std::string> prepare(int pictures_at_once) {
    batch = pictures_at_once;
    if (batch < 1 || batch_floats() > pictures.size()) {
      return std::unexpected(smlp::Error{.what = "no batch of that many pictures in the file"});
    }
    session.reset();
    auto created = smlp::Session::create(model, {.threads = threads, .batch = batch});
    if (!created) return std::unexpected(created.error());
    session.emplace(std::move(*created));
    logits.resize(static_cast<std::size_t>(batch) * static_cast<std::size_t>(model.classes()));
    return "{\"isa\": \"" + std::string(session->isa()) + "\", \"threads\": " + std::to_string(session->threads()) +
           "}";
  }

  smlp::Result<std::string> write_logits(const std::string& path) {
    std::ofstream out(path, std::ios::binary);
    int done = 0;
    for (std::size_t first = 0; first + batch_floats() <= pictures.size(); first += batch_floats(), done += batch) {
      if (const auto ran = execute(first); !ran) return std::unexpected(ran.error());
      out.write(reinterpret_cast<const char*>(logits.data()),
                static_cast<std::streamsize>(logits.size() * sizeof(float)));
    }
    if (!out.flush()) return std::unexpected(smlp::Error{.what = "cannot be written", .file = path});
    return "{\"pictures\": " + std::to_string(done) + "}";
  }

  smlp::Result<std::string> run_for(double seconds) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    int executions = 0;
    double elapsed = 0;
    while (executions == 0 || elapsed < seconds) {
      if (const auto ran = execute(0); !ran) return std::unexpected(ran.error());
      ++executions;
      elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    }
    return "{\"executions\": " + std::to_string(executions) + ", \"seconds\": " + std::to_string(elapsed) + "}";
  }

  // Calls for so many seconds; the median call.
  template <class Call>
  static smlp::Result<std::string> median_of(double seconds, Call call) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> times;
    const auto start = Clock::now();
    for (auto now = start; now - start < std::chrono::duration<double>(seconds);) {
      if (const smlp::Result<void> called = call(); !called) return std::unexpected(called.error());
      const auto end = Clock::now();
      times.push_back(std::chrono::duration<double, std::micro>(end - now).count());
      now = end;
    }
    std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
    return "{\"median_us\": " + std::to_string(times[times.size() / 2]) + "}";
  }

  // The best five classes of a picture whose file's bytes are in memory.
  smlp::Result<std::string> time_classify(const std::string& path, double seconds) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    const smlp::Image image = std::as_bytes(std::span(bytes));
    return median_of(seconds, [&]() -> smlp::Result<void> {
      const auto answers = session->classify(std::span(&image, 1), 5);
      if (answers.size() == 1 && answers[0]) return {};
      return std::unexpected(smlp::Error{.what = "no answer", .file = path});
    });
  }

  smlp::Result<std::string> obey(const std::string& line) {
    std::istringstream words(line);
    std::string command, argument, more;
    words >> command >> argument >> more;
    if (command == "prepare") return prepare(std::atoi(argument.c_str()));
    if (!session) return std::unexpected(smlp::Error{.what = "'prepare BATCH' comes first"});
    if (command == "logits") return write_logits(argument);
    if (command == "run") return run_for(std::atof(argument.c_str()));
    if (command == "time") return median_of(std::atof(argument.c_str()), [&] { return execute(0); });
    if (command == "classify") return time_classify(argument, std::atof(more.c_str()));
    return std::unexpected(smlp::Error{.what = "no command '" + command + "'"});
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: smlp_peers_ours MODEL PICTURES THREADS\n"), 2;
  auto model = smlp::Model::load(argv[1]);
  if (!model) return std::fprintf(stderr, "%s\n", model.error().message().c_str()), 1;
  Worker worker{.model = *model, .pictures = read_floats(argv[2]), .threads = std::atoi(argv[3])};
  for (std::string line; std::getline(std::cin, line);) {
    const auto answer = worker.obey(line);
    std::cout << (answer ? "ok " + *answer : "error " + answer.error().message()) << std::endl;
  }
}
