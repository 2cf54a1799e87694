// Load for a server of the Open Inference Protocol over HTTP, and what its clients saw.
//
// With --rate requests leave by a schedule that no answer delays (open loop), and a latency counts from the moment at
// which its request was due: a server that stalls cannot hide it. Without --rate each connection asks again as soon as
// it has its answer (closed loop), which finds the throughput at saturation or, with one, the latency of an idle
// server. One thread, and few calls: the client shall not be what is measured.
#include <fmt/format.h>
#include <sys/epoll.h>

#include <array>
#include <cmath>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "serving/client.h"

namespace smlp::load {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr std::string_view kUsage = R"(usage: smlp_load (--picture FILE | --tensor C,H,W) [OPTION...]

  --picture FILE    a JPEG or PNG file, sent as the body
  --protocol        send it as an element of datatype BYTES, shape [1,1], which every server of the protocol takes
  --tensor C,H,W    a prepared tensor, sent as binary data
  --address IP      (127.0.0.1)
  --port N          (8000)
  --model NAME      (smlp)
  --key KEY         for servers that want one
  --rate R          requests a second, whatever the server does; without it a closed loop
  --clients N       connections (default: 1, or 256 with --rate)
  --seconds S       that count (10), after
  --warmup S        (1)
)";

struct Options {
  std::string picture, tensor, address = "127.0.0.1", model = "smlp", key;
  bool protocol = false;
  int port = 8000, clients = 0;
  double rate = 0, seconds = 10, warmup = 1;
};

std::optional<Options> read_options(const std::vector<std::string>& words) {
  Options options;
  const std::map<std::string, std::string*> texts = {{"--picture", &options.picture},
                                                     {"--tensor", &options.tensor},
                                                     {"--address", &options.address},
                                                     {"--model", &options.model},
                                                     {"--key", &options.key}};
  const std::map<std::string, int*> counts = {{"--port", &options.port}, {"--clients", &options.clients}};
  const std::map<std::string, double*> numbers = {
      {"--rate", &options.rate}, {"--seconds", &options.seconds}, {"--warmup", &options.warmup}};
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--protocol") {
      options.protocol = true;
      continue;
    }
    if (i + 1 == words.size()) return std::nullopt;
    const std::string& name = words[i];
    const std::string& value = words[++i];
    try {
      if (texts.contains(name)) {
        *texts.at(name) = value;
      } else if (counts.contains(name)) {
        *counts.at(name) = std::stoi(value);
      } else if (numbers.contains(name)) {
        *numbers.at(name) = std::stod(value);
      } else {
        return std::nullopt;
      }
    } catch (const std::exception&) {  // no number
      return std::nullopt;
    }
  }
  if (options.picture.empty() == options.tensor.empty()) return std::nullopt;
  if (options.clients == 0) options.clients = options.rate > 0 ? 256 : 1;
  return options;
}

std::string bytes_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Values between -1 and 1, as prepared pictures have them; the network's time does not depend on them.
std::string bytes_of_tensor(const std::vector<std::size_t>& shape) {
  std::size_t values = 1;
  for (const std::size_t size : shape) values *= size;
  std::string bytes(values * sizeof(float), '\0');
  for (std::size_t i = 0; i < values; ++i) {
    const float value = std::sin(static_cast<float>(i));
    std::memcpy(bytes.data() + i * sizeof value, &value, sizeof value);
  }
  return bytes;
}

std::vector<std::size_t> shape_of(const std::string& words) {
  std::vector<std::size_t> shape = {1};
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t comma = std::min(words.find(',', at), words.size());
    shape.push_back(std::stoul(words.substr(at, comma - at)));
    at = comma + 1;
  }
  return shape;
}

// The bytes of the one request that all clients send.
std::string request_of(const Options& options) {
  std::string fields, json, data;
  const auto field = [&](std::string_view name, std::string_view value) {
    fields += fmt::format("{}: {}\r\n", name, value);
  };
  if (!options.tensor.empty()) {
    const auto shape = shape_of(options.tensor);
    data = bytes_of_tensor(shape);
    json = nlohmann::json{{"inputs",
                           {{{"name", "input"},
                             {"datatype", "FP32"},
                             {"shape", shape},
                             {"parameters", {{"binary_data_size", data.size()}}}}}},
                          {"outputs", {{{"name", "output"}, {"parameters", {{"binary_data", true}}}}}}}
               .dump();
  } else {
    data = bytes_of_file(options.picture);
    if (options.protocol) {
      const auto length = static_cast<std::uint32_t>(data.size());
      data.insert(0, reinterpret_cast<const char*>(&length), sizeof length);
      json = nlohmann::json{{"inputs",
                             {{{"name", "input"},
                               {"datatype", "BYTES"},
                               {"shape", {1, 1}},
                               {"parameters", {{"binary_data_size", data.size()}}}}}}}
                 .dump();
    } else {
      field("Content-Type", data.starts_with("\x89PNG") ? "image/png" : "image/jpeg");
    }
  }
  if (!json.empty()) {
    field("Content-Type", "application/octet-stream");
    field("Inference-Header-Content-Length", std::to_string(json.size()));
  }
  if (!options.key.empty()) field("Authorization", "Bearer " + options.key);
  field("Content-Length", std::to_string(json.size() + data.size()));
  return fmt::format("POST /v2/models/{}/infer HTTP/1.1\r\nHost: {}:{}\r\n{}\r\n", options.model, options.address,
                     options.port, fields) +
         json + data;
}

class Load {
 public:
  explicit Load(const Options& options) : options_(options), request_(request_of(options)) {
    for (int i = 0; i < options.clients; ++i) {
      clients_.push_back(std::make_unique<Client>(options.address, options.port, poller_));
      idle_.push_back(clients_.back().get());
    }
  }

  // All answers, those before and after the time that counts among them.
  std::vector<Answer> run() {
    const auto seconds = [](double s) { return std::chrono::duration_cast<Clock::duration>(Seconds(s)); };
    begin_ = Clock::now() + seconds(0.02);
    count_from_ = begin_ + seconds(options_.warmup);
    end_ = count_from_ + seconds(options_.seconds);
    while (Clock::now() < begin_) {
    }
    while (true) {
      begin_due();
      if (idle_.size() == clients_.size() && Clock::now() >= end_) return std::move(answers_);
      wait();
    }
  }

  // After run(): the time that counts.
  Clock::time_point count_from() const { return count_from_; }
  Clock::time_point end() const { return end_; }

 private:
  Clock::time_point due(std::uint64_t turn) const {
    if (options_.rate <= 0) return Clock::now();
    return begin_ + std::chrono::duration_cast<Clock::duration>(Seconds(static_cast<double>(turn) / options_.rate));
  }

  // Requests that are due leave as long as a connection is free; those that are not keep the moment they were due.
  void begin_due() {
    while (!idle_.empty()) {
      const auto when = due(turn_), now = Clock::now();
      if (when > now || when >= end_) return;
      ++turn_;
      Client* const client = idle_.front();
      idle_.pop_front();
      client->begin(request_, when);
      go_on(*client);
    }
  }

  void go_on(Client& client) {
    Answer answer;
    if (!client.go_on(answer)) return;
    answers_.push_back(answer);
    idle_.push_back(&client);
  }

  // Until a socket has something or the next request is due.
  void wait() {
    auto until = options_.rate > 0 && !idle_.empty() ? due(turn_) : end_;
    if (until >= end_) until = idle_.size() == clients_.size() ? end_ : Clock::now() + std::chrono::seconds(60);
    const auto left = std::chrono::nanoseconds(std::max(until - Clock::now(), Clock::duration(0))).count();
    const timespec time = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    std::array<epoll_event, 256> events;
    const int count = ::epoll_pwait2(poller_, events.data(), events.size(), &time, nullptr);
    for (int i = 0; i < count; ++i) {
      auto& client = *static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (client.is_busy()) go_on(client);
    }
  }

  const Options& options_;
  const std::string request_;
  const int poller_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Client>> clients_;
  std::deque<Client*> idle_;
  std::uint64_t turn_ = 0;
  Clock::time_point begin_, count_from_, end_;
  std::vector<Answer> answers_;
};

// Outcomes and latencies are of the requests that were due in the time [from, until) that counts; rates are of the
// answers that came in it, so that neither a queue that was filled before nor one that is emptied after it plays a
// part.
nlohmann::ordered_json report_of(const Options& options, const std::vector<Answer>& answers, Clock::time_point from,
                                 Clock::time_point until) {
  std::map<std::string, int> outcomes;
  std::vector<double> times, beside;
  std::size_t requests = 0, good = 0;
  for (const Answer& answer : answers) {
    good += answer.status == 200 && answer.end >= from && answer.end < until ? 1 : 0;
    if (answer.due < from || answer.due >= until) continue;
    ++requests;
    ++outcomes[answer.status == 0 ? std::string(answer.problem) : std::to_string(answer.status)];
    if (answer.status != 200) continue;
    times.push_back(Seconds(answer.end - answer.due).count());
    beside.push_back(times.back() - answer.computed_s);
  }
  std::ranges::sort(times);
  std::ranges::sort(beside);
  const auto at = [](const std::vector<double>& of, double share) {
    if (of.empty()) return 0.0;
    return 1e6 * of[std::min(of.size() - 1, static_cast<std::size_t>(share * static_cast<double>(of.size())))];
  };
  return {{"loop", options.rate > 0 ? fmt::format("open, {:g} a second", options.rate)
                                    : fmt::format("closed, {} clients", options.clients)},
          {"requests", requests},
          {"outcomes", outcomes},
          {"good_per_second", static_cast<double>(good) / Seconds(until - from).count()},
          {"p50_us", at(times, 0.5)},
          {"p90_us", at(times, 0.9)},
          {"p99_us", at(times, 0.99)},
          {"max_us", at(times, 1)},
          {"p50_us_beside_computing", at(beside, 0.5)}};  // the protocol, the queue, the system and this client
}

int run(const std::vector<std::string>& words) {
  const auto options = read_options(words);
  if (!options) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  Load load(*options);
  const auto answers = load.run();
  if (answers.empty()) {
    fmt::print(stderr, "smlp_load: no request was answered within the time\n");
    return 1;
  }
  fmt::print("{}\n", report_of(*options, answers, load.count_from(), load.end()).dump());
  return 0;
}

}  // namespace
}  // namespace smlp::load

int main(int argc, char** argv) { return smlp::load::run({argv + 1, argv + argc}); }
