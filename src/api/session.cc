#include "smlp/session.h"

#include <algorithm>
#include <exception>

#include "api/top_classes.h"
#include "engine/engine.h"
#include "pipeline/picture_loader.h"

namespace smlp {

struct Session::State {
  Model model;
  int batch;
  std::unique_ptr<Engine> engine;
  PictureLoader loader;
  std::vector<float> rows = {};    // input of the pictures at hand
  std::vector<float> logits = {};  // and their output

  // As many pictures as keep every thread busy both while decoding and while inferring; bounds the memory.
  int pictures_at_once() const { return batch * std::max(1, (2 * engine->threads() + batch - 1) / batch); }

  void classify_some(std::span<const std::filesystem::path> pictures, int top,
                     std::vector<Result<std::vector<Prediction>>>& answers);
};

Session::Session(std::unique_ptr<State> state) : state_(std::move(state)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

Result<Session> Session::create(const Model& model, const SessionOptions& options) {
  if (options.batch < 1) return fail("a batch of {} pictures; 1 or more are needed", options.batch);
  if (options.threads < 0) return fail("{} threads; 1 or more are needed, or 0 for all", options.threads);
  Precision precision = model.network()->precision;
  if (!options.precision.empty()) {
    const Precision* named = find_precision(options.precision);
    if (named == nullptr) return fail("unknown precision '{}'; known are fp32 and bf16", options.precision);
    precision = *named;
  }
  const Mode* mode = find_mode(options.mode);
  if (mode == nullptr) return fail("unknown mode '{}'; known are automatic, throughput and latency", options.mode);
  try {
    SMLP_TRY(engine, Engine::create(model.network(), {.threads = options.threads,
                                                      .batch = options.batch,
                                                      .isa = options.isa,
                                                      .precision = precision,
                                                      .mode = *mode,
                                                      .pin = options.pin}));
    const int threads = engine->threads();
    return Session(
        std::make_unique<State>(model, options.batch, std::move(engine), PictureLoader(model.preprocess(), threads)));
  } catch (const std::exception& error) {  // memory or threads ran out
    return fail("cannot make a session: {}", error.what());
  }
}

Result<void> Session::run(std::span<const float> input, int count, std::span<float> logits) {
  const Model& m = state_->model;
  const std::size_t side = static_cast<std::size_t>(m.image_size());
  const std::size_t n = static_cast<std::size_t>(std::max(count, 0));
  const std::size_t floats = n * static_cast<std::size_t>(m.in_channels()) * side * side;
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
}

void Session::State::classify_some(std::span<const std::filesystem::path> pictures, int top,
                                   std::vector<Result<std::vector<Prediction>>>& answers) {
  const std::size_t floats = loader.picture_floats(), classes = static_cast<std::size_t>(model.classes());
  rows.resize(std::max(rows.size(), pictures.size() * floats));
  logits.resize(std::max(logits.size(), pictures.size() * classes));
  const auto loaded = loader.load(pictures, rows);

  std::size_t good = 0;  // rows of pictures that could be read move up to stand together
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    if (!loaded[i]) continue;
    if (good != i) std::copy_n(rows.begin() + i * floats, floats, rows.begin() + good * floats);
    ++good;
  }
  if (good > 0) engine->run(rows.data(), static_cast<int>(good), logits.data());

  std::size_t row = 0;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    if (!loaded[i]) {
      answers.push_back(fail(loaded[i].error()));
      continue;
    }
    auto best = top_classes(std::span(logits).subspan(row++ * classes, classes), top, model.class_names());
    if (!best) best.error().file = pictures[i].string();
    answers.push_back(std::move(best));
  }
}

std::vector<Result<std::vector<Prediction>>> Session::classify(std::span<const std::filesystem::path> pictures,
                                                               int top) {
  std::vector<Result<std::vector<Prediction>>> answers;
  answers.reserve(pictures.size());
  const auto fail_all = [&](std::span<const std::filesystem::path> files, const std::string& what) {
    for (const auto& file : files) answers.push_back(fail(Error{.what = what, .file = file.string()}));
  };
  if (state_->model.in_channels() != 3) {
    fail_all(pictures, fmt::format("the model takes {} planes and a picture has 3; it runs prepared tensors only",
                                   state_->model.in_channels()));
    return answers;
  }
  const auto step = static_cast<std::size_t>(pictures_at_once());
  for (std::size_t i = 0; i < pictures.size(); i += step) {
    const auto some = pictures.subspan(i, std::min(step, pictures.size() - i));
    try {
      state_->classify_some(some, top, answers);
    } catch (const std::exception& error) {  // memory ran out
      fail_all(pictures.subspan(answers.size(), i + some.size() - answers.size()), error.what());
    }
  }
  return answers;
}

int Session::pictures_at_once() const { return state_->pictures_at_once(); }
const Model& Session::model() const { return state_->model; }
std::string_view Session::isa() const { return state_->engine->isa(); }
int Session::threads() const { return state_->engine->threads(); }

}  // namespace smlp
