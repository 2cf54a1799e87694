#include "tasks/accuracy_budget.h"

#include <algorithm>
#include <cmath>

#include "base/no_throw.h"
#include "tasks/compare_models.h"

namespace smlp {
namespace {

constexpr std::size_t kHarmPictures = 32;

struct Place {
  int block;
  const BlockProduct* product;
  double harm = 0;

  std::string name() const { return fmt::format("block.{}.{}", block, product->name); }
  Dense& in(Network& network) const { return network.blocks[static_cast<std::size_t>(block)].*product->part; }
  const Dense& in(const Network& network) const {
    return network.blocks[static_cast<std::size_t>(block)].*product->part;
  }
};

std::vector<Place> places_in_int8(const Network& network) {
  std::vector<Place> places;
  for (int b = 0; b < network.config.blocks(); ++b) {
    for (const BlockProduct& product : kBlockProducts) {
      const Place place = {b, &product};
      if (place.in(network).is_int8()) places.push_back(place);
    }
  }
  return places;
}

class Judge {
 public:
  Judge(const AccuracyBudget& budget, const Network& exact, const BudgetProgress& progress)
      : budget_(budget), exact_(std::make_shared<const Network>(exact)), progress_(progress) {
    const std::size_t size = budget.pictures.size(), all = picture_count(budget.pictures),
                      some = std::clamp<std::size_t>(kHarmPictures * size / std::max<std::size_t>(all, 1), 1, size);
    for (std::size_t i = 0; i < some; ++i) some_.push_back(budget.pictures[i * size / some]);
    labels_ = budget.labels.empty() ? std::vector<int>(all) : budget.labels;
  }

  void expect(std::size_t places) {
    const auto evaluations = static_cast<std::int64_t>(std::ceil(std::log2(static_cast<double>(places) + 1))) + 1;
    all_ = evaluations * std::ssize(labels_) + static_cast<std::int64_t>(places * picture_count(some_));
  }

  // The relative error of the logits, of some pictures; of all where none of those can be read.
  Result<double> harm(const Network& network) {
    SMLP_TRY(comparison, compare(network, some_));
    if (comparison.pictures > 0) return comparison.relative_error;
    some_ = budget_.pictures;
    SMLP_TRY(of_all, compare(network, some_));
    return of_all.relative_error;
  }

  // Points lost, of all pictures.
  Result<double> drop(Network network) {
    SMLP_TRY(comparison, compare(std::move(network), budget_.pictures));
    if (comparison.pictures == 0) {
      return fail("none of the {} pictures that --max-drop is judged by can be read: {}", comparison.skipped,
                  first_skipped_);
    }
    skipped_ = comparison.skipped;
    const double lost = budget_.labels.empty()
                            ? static_cast<double>(comparison.flips.size()) / static_cast<double>(comparison.pictures)
                            : -comparison.difference();
    return 100 * lost + 0.0;  // no -0
  }

  // What makes the last drop() say less than it seems to.
  std::vector<std::string> warnings() const {
    std::vector<std::string> out = budget_.warnings;
    const auto judged = std::ssize(labels_) - skipped_;
    if (skipped_ > 0) {
      out.push_back(
          fmt::format("{} of the {} pictures that --max-drop is judged by could not be read and were left out: {}",
                      skipped_, labels_.size(), first_skipped_));
    }
    if (const double one = 100.0 / static_cast<double>(judged); budget_.points > 0 && budget_.points < one) {
      out.push_back(fmt::format(
          "--max-drop {:g} is judged by {} pictures, of which one is {:.3g} points: no answer may get worse; "
          "give {:.0f} pictures or more to --data",
          budget_.points, judged, one, std::ceil(100 / budget_.points)));
    }
    return out;
  }

 private:
  Result<ModelComparison> compare(Network network, std::span<const Input> pictures) {
    const Model first(exact_), second(std::make_shared<const Network>(std::move(network)));
    SMLP_TRY(exact, Session::create(first, {.precision = Precision::fp32}));
    SMLP_TRY(tried, Session::create(second, {.precision = Precision::int8}));
    const ComparisonWatch watch = {.progress = [&](std::int64_t done, std::int64_t) { progress_(done_ + done, all_); },
                                   .skipped =
                                       [&](const Error& error) {
                                         if (first_skipped_.empty()) first_skipped_ = error.message();
                                       }};
    SMLP_TRY(comparison, compare_models(pictures, {exact, labels_}, {tried, labels_}, watch));
    done_ += comparison.pictures + comparison.skipped;
    return std::move(comparison);
  }

  const AccuracyBudget& budget_;
  std::shared_ptr<const Network> exact_;
  const BudgetProgress& progress_;
  std::vector<Input> some_;
  std::vector<int> labels_;
  std::int64_t done_ = 0, all_ = 0, skipped_ = 0;
  std::string first_skipped_;
};

// `network` with the first `count` places as they are in `exact`.
Network with_returned(const Network& exact, Network network, std::span<const Place> places, std::size_t count) {
  for (const Place& place : places.first(count)) place.in(network) = place.in(exact);
  return network;
}

Result<BudgetOutcome> keep(const AccuracyBudget& budget, const Network& exact, Network& network,
                           const BudgetProgress& progress) {
  std::vector<Place> places = places_in_int8(network);
  Judge judge(budget, exact, progress);
  judge.expect(places.size());
  BudgetOutcome out;
  SMLP_TRY(all_in_int8, judge.drop(network));
  out.drop_before = out.drop = all_in_int8;
  out.warnings = judge.warnings();
  if (all_in_int8 <= budget.points) return out;

  Network alone = exact;
  alone.precision = Precision::int8;
  for (Place& place : places) {
    place.in(alone) = place.in(network);
    SMLP_TRY(harm, judge.harm(alone));
    place.harm = harm;
    place.in(alone) = place.in(exact);
  }
  std::ranges::stable_sort(places, std::greater<>(), &Place::harm);
  std::size_t too_few = 0, enough = places.size();
  while (enough - too_few > 1) {
    const std::size_t tried = (too_few + enough) / 2;
    SMLP_TRY(drop, judge.drop(with_returned(exact, network, places, tried)));
    if (drop <= budget.points) {
      enough = tried;
      out.drop = drop;
    } else {
      too_few = tried;
    }
  }
  if (enough == places.size()) {
    return fail(
        Error{.what = fmt::format("a drop of at most {:g} points does not hold with any product in int8; with all "
                                  "of them it is {:.2f}",
                                  budget.points, out.drop_before),
              .remedy = "allow more, or compile to bf16"});
  }
  network = with_returned(exact, std::move(network), places, enough);
  for (const Place& place : std::span(places).first(enough)) out.returned.push_back(place.name());
  return out;
}

}  // namespace

Result<BudgetOutcome> keep_within(const AccuracyBudget& budget, const Network& exact, Network& network,
                                  const BudgetProgress& progress) {
  return no_throw([&] { return keep(budget, exact, network, progress); });
}

}  // namespace smlp
