#include "smlp/session.h"

#include <algorithm>
#include <exception>

#include "api/session_pass.h"
#include "api/top_classes.h"
#include "base/memory.h"
#include "base/no_throw.h"
#include "engine/engine.h"
#include "pipeline/image_source.h"

namespace smlp {
namespace {

// Pictures of a batch beyond which nobody gains anything; it keeps sizes in bytes far from overflowing.
constexpr int kLargestBatch = 65536;

// Answers in their places; what a pass did not get to keeps the error that ended it.
template <class Answer, class Make>
class AnswerSink final : public Sink {
 public:
  AnswerSink(std::vector<Result<Answer>>& answers, Make make) : answers_(answers), make_(make) {}
  Result<void> put(std::size_t, Result<std::span<const float>> values) override {
    if (values) {
      answers_.push_back(make_(*values));
    } else {
      answers_.push_back(std::unexpected(std::move(values).error()));
    }
    return {};
  }

 private:
  std::vector<Result<Answer>>& answers_;
  Make make_;
};

template <class Answer, class Make>
std::vector<Result<Answer>> answers_of(Session& session, std::span<const Image> images, Make make) {
  std::vector<Result<Answer>> answers;
  try {
    answers.reserve(images.size());
    ImageSource source(images);
    AnswerSink<Answer, Make> sink(answers, make);
    const auto outcome = run_pass(session, source, sink, pass_options(session));
    while (answers.size() < images.size()) answers.push_back(std::unexpected(outcome.error()));
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i] && answers[i].error().file.empty()) answers[i].error().file = source.name(i);
    }
  } catch (...) {  // no memory even for an error's words
    while (answers.size() < std::min(images.size(), answers.capacity())) {
      answers.push_back(std::unexpected(out_of_memory()));
    }
  }
  return answers;
}

Result<void> check(const SessionOptions& options) {
  if (options.batch < 1 || options.batch > kLargestBatch) {
    return fail("a batch of {} pictures; 1 to {} are possible", options.batch, kLargestBatch);
  }
  if (options.threads < 0) return fail("{} threads; 1 or more are needed, or 0 for all", options.threads);
  return {};
}

}  // namespace

struct Session::State {
  Model model;
  int batch;
  Precision precision;
  std::unique_ptr<Engine> engine;
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::create(const Model& model, const SessionOptions& options) {
  return no_throw([&]() -> Result<Session> {
    SMLP_CHECK(check(options));
    const Network& network = *model.network();
    const auto floats = network.config.picture_floats() + static_cast<std::size_t>(network.config.classes);
    SMLP_CHECK(check_memory(static_cast<std::uint64_t>(options.batch) * floats * sizeof(float),
                            fmt::format("a batch of {} pictures", options.batch), "use a smaller batch"));
    const Precision precision = options.precision.value_or(network.precision);
    SMLP_TRY(engine, Engine::create(model.network(), {.threads = options.threads,
                                                      .batch = options.batch,
                                                      .isa = options.isa,
                                                      .precision = precision,
                                                      .mode = options.mode,
                                                      .pin = options.pin}));
    return Session(std::make_unique<State>(model, options.batch, precision, std::move(engine)));
  });
}

Result<void> Session::run(std::span<const float> input, int count, std::span<float> logits) {
  const Model& m = state_->model;
  const std::size_t side = static_cast<std::size_t>(m.image_size());
  const std::size_t n = static_cast<std::size_t>(std::max(count, 0));
  const std::size_t floats = n * static_cast<std::size_t>(m.in_channels()) * side * side;
  return no_throw([&]() -> Result<void> {
    if (count < 0 || input.size() != floats) {
      return fail("input of {} floats; {} pictures of {} x {} x {} have {}", input.size(), count, m.in_channels(), side,
                  side, floats);
    }
    if (logits.size() != n * static_cast<std::size_t>(m.classes())) {
      return fail("room for {} logits; {} pictures of {} classes have {}", logits.size(), count, m.classes(),
                  n * static_cast<std::size_t>(m.classes()));
    }
    if (count > 0) state_->engine->run(input.data(), count, logits.data());
    return {};
  });
}

std::vector<Result<Logits>> Session::run(std::span<const Image> images) {
  return answers_of<Logits>(*this, images, [](std::span<const float> logits) -> Result<Logits> {
    return Logits(logits.begin(), logits.end());
  });
}

std::vector<Result<std::vector<Prediction>>> Session::classify(std::span<const Image> images, int top) {
  return answers_of<std::vector<Prediction>>(*this, images, [&](std::span<const float> logits) {
    return top_classes(logits, top, state_->model.class_names());
  });
}

const Model& Session::model() const { return state_->model; }
std::string_view Session::isa() const { return state_->engine->isa(); }
Precision Session::precision() const { return state_->precision; }
int Session::threads() const { return state_->engine->threads(); }
int Session::batch() const { return state_->batch; }
Engine& Session::engine() { return *state_->engine; }

PipelineOptions pass_options(const Session& session) {
  return {.how = session.model().preprocessing(),
          .channels = session.model().in_channels(),
          .classes = session.model().classes(),
          .batch = session.batch()};
}

Result<void> run_pass(Session& session, Source& source, Sink& sink, const PipelineOptions& options) {
  Engine& engine = session.engine();
  return run_pipeline(engine.workers(), &engine, source, sink, options);
}

}  // namespace smlp
