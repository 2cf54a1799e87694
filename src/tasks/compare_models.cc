#include "tasks/compare_models.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "api/session_pass.h"
#include "base/no_throw.h"
#include "base/statistics.h"
#include "engine/engine.h"
#include "tasks/input_source.h"

namespace smlp {
namespace {

constexpr std::size_t kChunk = 64;  // pictures that are prepared before both models run them

// Some of the pictures of another source.
class PartOfSource final : public Source {
 public:
  PartOfSource(Source& whole, std::size_t first, std::size_t count) : whole_(whole), first_(first), count_(count) {}
  std::size_t size() const override { return count_; }
  Result<Reading> read(std::size_t index, Room& room) override { return whole_.read(first_ + index, room); }
  bool waits() const override { return whole_.waits(); }
  std::string name(std::size_t index) const override { return whole_.name(first_ + index); }

 private:
  Source& whole_;
  std::size_t first_, count_;
};

// Keeps prepared pictures, one behind the other, and which of them there are.
class Keeper final : public Sink {
 public:
  Result<void> put(std::size_t index, Result<std::span<const float>> values) override {
    if (values) {
      pixels.insert(pixels.end(), values->begin(), values->end());
      present.push_back(index);
    } else {
      errors.emplace_back(index, std::move(values).error());
    }
    return {};
  }
  std::vector<float> pixels;
  std::vector<std::size_t> present;
  std::vector<std::pair<std::size_t, Error>> errors;
};

struct Chunk {
  std::vector<std::size_t> pictures;  // that could be read
  std::vector<float> logits[2];
};

class Comparer {
 public:
  Comparer(std::span<const Input> inputs, const ComparedSide& first, const ComparedSide& second,
           const ComparisonWatch& watch)
      : sides_{&first, &second},
        watch_(watch),
        source_(inputs, input_spec(first.session.model())),
        other_source_(inputs, input_spec(second.session.model())),
        alike_(first.session.model().preprocessing() == second.session.model().preprocessing()) {
    for (int side : {0, 1}) out_.sides[side].tally = Tally(model(side).classes());
  }

  Result<ModelComparison> run() {
    const std::size_t all = source_.size();
    for (std::size_t first = 0; first < all; first += kChunk) {
      const std::size_t count = std::min(kChunk, all - first);
      SMLP_TRY(chunk, infer(first, count));
      for (std::size_t i = 0; i < chunk.pictures.size(); ++i) add(chunk, i);
      watch_.progress(static_cast<std::int64_t>(first + count), static_cast<std::int64_t>(all));
    }
    for (int side : {0, 1}) out_.sides[side].images_per_second = statistics(speeds_[side]).median;
    out_.relative_error = difference_ == 0 ? 0 : std::sqrt(difference_ / exact_);
    return std::move(out_);
  }

 private:
  const Model& model(int side) const { return sides_[side]->session.model(); }

  Result<Keeper> prepare(int side, std::size_t first, std::size_t count) {
    Session& session = sides_[side]->session;
    Keeper keeper;
    PartOfSource part(side == 0 ? source_ : other_source_, first, count);
    SMLP_CHECK(run_pipeline(session.engine().workers(), nullptr, part, keeper, pass_options(session)));
    return keeper;
  }

  Result<Chunk> infer(std::size_t first, std::size_t count) {
    SMLP_TRY(kept, prepare(0, first, count));
    for (auto& [index, error] : kept.errors) {
      ++out_.skipped;
      if (watch_.skipped) watch_.skipped(std::move(error).in(source_.name(first + index)));
    }
    Chunk chunk;
    for (const std::size_t index : kept.present) chunk.pictures.push_back(first + index);
    const bool swapped = first / kChunk % 2 == 1;
    for (const int side : {swapped ? 1 : 0, swapped ? 0 : 1}) {
      std::optional<Keeper> own;
      if (side == 1 && !alike_) {
        SMLP_TRY(other, prepare(1, first, count));
        if (other.present != kept.present) return fail("a picture could be read once and not again");
        own = std::move(other);
      }
      SMLP_CHECK(infer_side(side, own ? own->pixels : kept.pixels, chunk));
    }
    return chunk;
  }

  Result<void> infer_side(int side, std::span<const float> pixels, Chunk& chunk) {
    const std::size_t count = chunk.pictures.size();
    chunk.logits[side].resize(count * static_cast<std::size_t>(model(side).classes()));
    if (count == 0) return {};
    const auto start = std::chrono::steady_clock::now();
    SMLP_CHECK(sides_[side]->session.run(pixels, static_cast<int>(count), chunk.logits[side]));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    // A short last chunk is no fair share; the only one there is has to do.
    if (count == kChunk || speeds_[side].empty()) speeds_[side].push_back(static_cast<double>(count) / seconds);
    return {};
  }

  void add(const Chunk& chunk, std::size_t i) {
    const std::size_t picture = chunk.pictures[i], classes = static_cast<std::size_t>(model(0).classes());
    std::span<const float> logits[2];
    Flip flip = {.picture = picture, .label = sides_[0]->labels[picture]};
    for (const int side : {0, 1}) {
      logits[side] = std::span(chunk.logits[side]).subspan(i * classes, classes);
      const int label = sides_[side]->labels[picture];
      const auto standing = standing_of(logits[side], label);
      out_.sides[side].tally.add(label, standing);
      if (standing) flip.answers[side] = standing->answer;
      flip.right[side] = standing && standing->rank == 0;
    }
    ++out_.pictures;
    for (const int side : {0, 1}) out_.only_right[side] += flip.right[side] && !flip.right[1 - side];
    if (flip.answers[0] != flip.answers[1]) out_.flips.push_back(flip);
    if (flip.answers[0] && flip.answers[1]) add_errors(logits[0], logits[1]);
  }

  void add_errors(std::span<const float> first, std::span<const float> second) {
    for (std::size_t c = 0; c < first.size(); ++c) {
      const double error = double{second[c]} - first[c];
      difference_ += error * error;
      exact_ += double{first[c]} * first[c];
      out_.largest_error = std::max(out_.largest_error, std::abs(error));
    }
  }

  const ComparedSide* sides_[2];
  const ComparisonWatch& watch_;
  InputSource source_, other_source_;
  bool alike_;
  std::vector<double> speeds_[2];
  double difference_ = 0, exact_ = 0;
  ModelComparison out_;
};

}  // namespace

double ModelComparison::difference() const {
  return pictures == 0 ? 0 : static_cast<double>(only_right[1] - only_right[0]) / static_cast<double>(pictures);
}

// Agresti and Min's: Wald's interval of a difference of paired shares with half a picture more in each of the four
// cells, so that it has a width where no picture tells the two apart.
Interval ModelComparison::difference_interval() const {
  constexpr double z = 1.959963984540054;
  const double n = static_cast<double>(pictures) + 2, b = static_cast<double>(only_right[0]) + 0.5,
               c = static_cast<double>(only_right[1]) + 0.5;
  const double middle = (c - b) / n, half = z * std::sqrt(b + c - (c - b) * (c - b) / n) / n;
  return {std::max(-1.0, middle - half), std::min(1.0, middle + half)};
}

double ModelComparison::mcnemar_p() const {
  const auto fewer = std::min(only_right[0], only_right[1]), all = only_right[0] + only_right[1];
  if (all == 0) return 1;
  // Twice the lower tail of a binomial distribution with even chances; in logarithms, since 2^-all may be too small.
  double tail = 0;
  for (std::int64_t k = 0; k <= fewer; ++k) {
    const double n = static_cast<double>(all), i = static_cast<double>(k);
    tail += std::exp(std::lgamma(n + 1) - std::lgamma(i + 1) - std::lgamma(n - i + 1) - n * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

Result<ModelComparison> compare_models(std::span<const Input> inputs, const ComparedSide& first,
                                       const ComparedSide& second, const ComparisonWatch& watch) {
  return no_throw([&]() -> Result<ModelComparison> { return Comparer(inputs, first, second, watch).run(); });
}

}  // namespace smlp
