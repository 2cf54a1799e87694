#include "tasks/calibrate.h"

#include <algorithm>

#include "base/finite.h"
#include "base/no_throw.h"
#include "engine/engine.h"
#include "engine/measure.h"
#include "engine/quantize.h"
#include "pipeline/prepare.h"
#include "tasks/input_source.h"

namespace smlp {
namespace {

constexpr int kBatch = 8;
constexpr std::size_t kFewPictures = 64;
// Of the pictures answered with one class: more than any choice from several classes would have.
constexpr double kOneClass = 0.75;

class AnyRoom final : public Room {
 public:
  bool take(std::uint64_t) override { return true; }
};

// What the pictures themselves look like, for warnings.
struct Impression {
  std::size_t seen = 0, broken = 0, plain = 0, beyond = 0;
  std::string first_broken, first_plain, first_beyond;
  std::vector<std::size_t> answers;  // how often each class is the best

  std::vector<std::string> warnings(const Network& network) const {
    std::vector<std::string> out;
    if (broken > 0) {
      out.push_back(
          fmt::format("{} calibration pictures could not be read and were left out: {}", broken, first_broken));
    }
    if (seen < kFewPictures) {
      out.push_back(
          fmt::format("{} calibration pictures are few: other pictures may go beyond the ranges found on them; "
                      "{} or more are advised",
                      seen, 256));
    }
    if (plain > 0) {
      out.push_back(
          fmt::format("{} of {} calibration pictures are of a single colour, the first is {}: activations of "
                      "real pictures may go beyond the ranges found on them",
                      plain, seen, first_plain));
    }
    if (beyond > 0) {
      out.push_back(
          fmt::format("{} of {} calibration pictures have pixels that this model's preprocessing cannot give, the "
                      "first is {}: prepare them with smlp preprocess --model",
                      beyond, seen, first_beyond));
    }
    const auto most = std::ranges::max_element(answers);
    if (answers.size() > 1 && seen > 1 && static_cast<double>(*most) > kOneClass * static_cast<double>(seen)) {
      const auto index = static_cast<std::size_t>(most - answers.begin());
      out.push_back(fmt::format(
          "{} of {} calibration pictures are answered with one class, {}: the ranges fit that class, "
          "give pictures of all classes",
          *most, seen, index < network.class_names.size() ? network.class_names[index] : fmt::format("{}", index)));
    }
    return out;
  }
};

bool is_plain(std::span<const float> chw, int channels) {
  const std::size_t plane = chw.size() / static_cast<std::size_t>(channels);
  for (std::size_t start = 0; start < chw.size(); start += plane) {
    const auto one = chw.subspan(start, plane);
    if (std::ranges::any_of(one, [&](float value) { return value != one.front(); })) return false;
  }
  return true;
}

// Whether a prepared picture can have come of pixels from 0 to 255; never of numbers that are not finite.
bool can_be_prepared(std::span<const float> chw, const Preprocess& how, int channels) {
  if (!all_finite(chw)) return false;
  const std::size_t plane = chw.size() / static_cast<std::size_t>(channels);
  for (std::size_t c = 0; c < how.mean.size() && c < static_cast<std::size_t>(channels); ++c) {
    constexpr float kSlack = 0.01F;  // of the range: whoever prepared it rounded otherwise, or to half precision
    const float low = (0 - kSlack - how.mean[c]) / how.std[c], high = (1 + kSlack - how.mean[c]) / how.std[c];
    const auto one = chw.subspan(c * plane, plane);
    if (!std::ranges::all_of(one, [&](float x) { return low <= x && x <= high; })) return false;
  }
  return true;
}

class Calibrator {
 public:
  Calibrator(std::shared_ptr<const Network> network, Engine& engine)
      : network_(std::move(network)),
        engine_(engine),
        measurement_(engine.threads(), network_->config.blocks()),
        room_(kBatch * network_->config.picture_floats()),
        logits_(static_cast<std::size_t>(kBatch * network_->config.classes)) {
    impression_.answers.resize(static_cast<std::size_t>(network_->config.classes));
  }

  // One that is broken is noted. Errors: what has nothing to do with the picture, such as memory that ran out.
  Result<void> add(InputSource& source, std::size_t index) {
    const std::size_t floats = network_->config.picture_floats();
    const std::span<float> chw = std::span(room_).subspan(static_cast<std::size_t>(waiting_) * floats, floats);
    if (auto read = this->read(source, index, chw); !read) {
      Error error = std::move(read).error().in(source.name(index));
      if (error.transient) return fail(std::move(error));
      if (impression_.broken++ == 0) impression_.first_broken = error.message();
      return {};
    }
    ++impression_.seen;
    if (is_plain(chw, network_->config.in_channels) && impression_.plain++ == 0) {
      impression_.first_plain = source.name(index);
    }
    if (!can_be_prepared(chw, network_->preprocess, network_->config.in_channels) && impression_.beyond++ == 0) {
      impression_.first_beyond = source.name(index);
    }
    if (++waiting_ == kBatch) run();
    return {};
  }

  void finish() {
    if (waiting_ > 0) run();
  }

  const Impression& impression() const { return impression_; }
  const Measurement& measurement() const { return measurement_; }

  // The first operator, in the network's order, that reads what is not finite.
  Result<void> check_finite() const {
    static constexpr std::string_view kReads[] = {"fuse (from the depthwise convolution)",
                                                  "fuse (from the mixing along the width)",
                                                  "fuse (from the mixing along the height)", "fc1", "fc2"};
    for (int b = 0; b < measurement_.blocks(); ++b) {
      for (int s = 0; s < Measurement::kSegments; ++s) {
        if (measurement_.sum(b, s).all_finite()) continue;
        return not_finite(
            fmt::format("block.{}.{} reads numbers that are not finite; no scale fits them", b, kReads[s]));
      }
    }
    if (finite_logits_) return {};
    return not_finite("the head gives numbers that are not finite");
  }

 private:
  std::unexpected<Error> not_finite(std::string what) const {
    const std::string& picture = impression_.first_beyond;
    return fail(Error{.what = std::move(what),
                      .remedy = picture.empty()
                                    ? "the model's weights or the pictures' preprocessing are out of range"
                                    : picture + " has pixels that no preprocessing gives: prepare it again"});
  }

  Result<void> read(InputSource& source, std::size_t index, std::span<float> chw) {
    AnyRoom room;
    SMLP_TRY(reading, source.read(index, room));
    return prepare(reading.material, network_->preprocess, network_->config.in_channels, chw);
  }

  void run() {
    engine_.run_measured(room_.data(), waiting_, logits_.data(), measurement_);
    const auto classes = static_cast<std::size_t>(network_->config.classes);
    for (std::size_t i = 0; i < static_cast<std::size_t>(waiting_); ++i) {
      const auto logits = std::span(logits_).subspan(i * classes, classes);
      ++impression_.answers[static_cast<std::size_t>(std::ranges::max_element(logits) - logits.begin())];
      finite_logits_ = finite_logits_ && all_finite(logits);
    }
    waiting_ = 0;
  }

  std::shared_ptr<const Network> network_;
  Engine& engine_;
  Measurement measurement_;
  std::vector<float> room_, logits_;
  int waiting_ = 0;
  bool finite_logits_ = true;
  Impression impression_;
};

// `images` of `size` pictures, evenly spread: data sets are sorted by class.
std::vector<std::size_t> spread(std::size_t size, std::size_t images) {
  std::vector<std::size_t> chosen;
  const std::size_t count = std::min(size, images);
  chosen.reserve(count);
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(i * size / count);
  return chosen;
}

Result<Calibration> measure(Network& network, const CalibrationOptions& options,
                            const std::function<bool(int, const BlockProduct&)>& wanted,
                            const CalibrationProgress& progress) {
  const auto exact = std::make_shared<const Network>(network);
  SMLP_TRY(engine, Engine::create(exact, {.batch = kBatch, .precision = Precision::fp32}));
  const InputSpec spec = {
      .channels = network.config.in_channels, .side = network.config.image, .how = network.preprocess, .max_rows = 0};
  Calibration out;
  std::vector<Input> pictures = options.pictures;
  SMLP_CHECK(check_prepared(pictures, spec, out.warnings));
  InputSource source(pictures, spec);
  Calibrator calibrator(exact, *engine);
  const std::vector<std::size_t> chosen = spread(source.size(), options.images);
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    SMLP_CHECK(calibrator.add(source, chosen[i]));
    progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(chosen.size()));
  }
  calibrator.finish();
  const Impression& impression = calibrator.impression();
  if (impression.seen == 0) {
    return fail(Error{
        .what = fmt::format("none of {} calibration pictures can be read: {}", chosen.size(), impression.first_broken),
        .remedy = "give others to --calibrate"});
  }
  SMLP_CHECK(calibrator.check_finite());
  for (int b = 0; b < network.config.blocks(); ++b) {
    for (const BlockProduct& product : kBlockProducts) {
      Dense& part = network.blocks[static_cast<std::size_t>(b)].*product.part;
      if (!wanted(b, product) || part.inputs > kMaxInt8Inputs) continue;
      part = quantize(part, input_scales(calibrator.measurement(), b, product, options.method));
    }
  }
  network.precision = Precision::int8;
  network.calibration =
      fmt::format("{} over {} pictures", range_method_names[static_cast<int>(options.method)], impression.seen);
  out.pictures = impression.seen;
  for (std::string& warning : impression.warnings(network)) out.warnings.push_back(std::move(warning));
  return out;
}

}  // namespace

Result<Calibration> calibrate(Network& network, const CalibrationOptions& options,
                              const std::function<bool(int, const BlockProduct&)>& wanted,
                              const CalibrationProgress& progress) {
  return no_throw([&] { return measure(network, options, wanted, progress); });
}

}  // namespace smlp
