#include "system.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "loadgen.h"

namespace smlp::loadgen {
namespace {

// More than LoadGen ever has under way: it asks for all of an Offline run at once.
constexpr std::size_t kQueue = std::size_t{1} << 26;

std::int32_t best_class(const Logits& logits) {
  if (std::ranges::any_of(logits, [](float x) { return !std::isfinite(x); })) return -1;
  return static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
}

class OneByOne : public System {
 public:
  OneByOne(Session session, const Library& library)
      : System("smlp, one picture at a time"), session_(std::move(session)), library_(library) {}

  void IssueQuery(const std::vector<mlperf::QuerySample>& samples) override {
    for (const auto& sample : samples) answer(sample.id, infer(library_.sample(sample.index)));
  }

 private:
  Result<Logits> infer(const BatcherInput& input) {
    if (const auto* tensor = std::get_if<std::span<const float>>(&input)) {
      Logits logits(static_cast<std::size_t>(session_.model().classes()));
      if (auto done = session_.run(*tensor, 1, logits); !done) return std::unexpected(done.error());
      return logits;
    }
    const Image image = std::get<std::span<const std::byte>>(input);
    auto answers = session_.run(std::span(&image, 1));
    if (answers.empty()) return std::unexpected(Error{.what = "no memory for the answer"});
    return std::move(answers.front());
  }

  Session session_;
  const Library& library_;
};

class Gathered : public System {
 public:
  Gathered(Batcher batcher, const Library& library)
      : System("smlp, gathered"), batcher_(std::move(batcher)), library_(library) {}

  void IssueQuery(const std::vector<mlperf::QuerySample>& samples) override {
    for (const auto& sample : samples) {
      const auto taken = batcher_.submit(library_.sample(sample.index), {},
                                         [this, id = sample.id](const Result<Logits>& logits) { answer(id, logits); });
      if (!taken) answer(sample.id, std::unexpected(taken.error()));
    }
  }

 private:
  Batcher batcher_;
  const Library& library_;
};

}  // namespace

std::string System::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void System::answer(mlperf::ResponseId id, const Result<Logits>& logits) {
  const std::int32_t best = logits ? best_class(*logits) : -1;
  if (best < 0) {
    const std::lock_guard lock(mutex_);
    if (error_.empty()) error_ = logits ? "logits that are no finite numbers" : logits.error().message();
  }
  mlperf::QuerySampleResponse response(id, reinterpret_cast<std::uintptr_t>(&best), sizeof(best));
  mlperf::QuerySamplesComplete(&response, 1);
}

Result<std::unique_ptr<System>> make_system(const std::string& scenario, const Model& model, const Library& library,
                                            SessionOptions options) {
  const bool single = scenario == "SingleStream";
  options.mode = single ? Mode::latency : Mode::automatic;
  auto session = Session::create(model, options);
  if (!session) return std::unexpected(session.error());
  if (single) return std::make_unique<OneByOne>(std::move(*session), library);
  auto batcher = Batcher::create(std::move(*session), {.max_delay = std::chrono::milliseconds(1), .max_queue = kQueue});
  if (!batcher) return std::unexpected(batcher.error());
  return std::make_unique<Gathered>(std::move(*batcher), library);
}

}  // namespace smlp::loadgen
