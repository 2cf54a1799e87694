#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/open_file.h"
#include "tasks/evaluation.h"

namespace smlp {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr std::uint64_t kMaxBytes = std::uint64_t{64} << 20;
constexpr std::int64_t kMostSkipped = 1'000'000'000'000;  // so that sums cannot overflow

Json share_json(std::int64_t right, std::int64_t images) {
  return images == 0 ? Json() : Json(static_cast<double>(right) / static_cast<double>(images));
}

Json interval_json(Interval interval) { return {interval.low, interval.high}; }

Json classes_json(const Evaluation& e) {
  Json classes = Json::array();
  const std::vector<ClassScore> scores = e.tally.per_class();
  for (const DataClass& c : e.classes) {
    const ClassScore& s = scores[static_cast<std::size_t>(c.index)];
    classes.push_back({{"index", c.index},
                       {"folder", c.folder},
                       {"label", c.name},
                       {"images", s.images},
                       {"right1", s.right1},
                       {"right5", s.right5},
                       {"acc1", share_json(s.right1, s.images)},
                       {"acc5", share_json(s.right5, s.images)},
                       {"mistaken_for", s.mistakes > 0 ? Json(s.mistaken_for) : Json()},
                       {"mistakes", s.mistakes}});
  }
  return classes;
}

Json confusion_json(const Tally& tally) {
  Json cells = Json::array();
  for (const auto& [pair, times] : tally.confusion()) cells.push_back({pair.first, pair.second, times});
  return cells;
}

Json latency_json(const TimeHistogram& times) {
  const auto ms = [](double nanoseconds) { return nanoseconds / 1e6; };
  const auto percentile = [&](double q) { return ms(static_cast<double>(times.percentile(q))); };
  Json buckets = Json::array();
  for (const auto& [bucket, events] : times.buckets()) buckets.push_back({bucket, events});
  return {{"min", ms(static_cast<double>(times.min()))},
          {"mean", ms(times.mean())},
          {"median", percentile(50)},
          {"p90", percentile(90)},
          {"p99", percentile(99)},
          {"max", ms(static_cast<double>(times.max()))},
          {"histogram_ns",
           {{"min", times.min()}, {"max", times.max()}, {"sum", times.sum()}, {"buckets", std::move(buckets)}}}};
}

Json shard_json(const Evaluation& e) {
  const Shard::Range range = e.shard.of(e.listed);
  return {{"index", e.shard.index},
          {"count", e.shard.count},
          {"first", range.first},
          {"pictures", range.size()},
          {"listed", e.listed}};
}

// The readers below throw json::exception on anything unexpected.
[[noreturn]] void refuse(const char* why) { throw Json::other_error::create(501, why, nullptr); }

Tally tally_of(const Json& json, const std::vector<DataClass>& classes) {
  const int count = exact<int>(json.at("model_classes"));
  if (count < 1 || count > kMostClasses) refuse("a number of classes that no model has");
  std::vector<ClassScore> scores(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i].index < 0 || classes[i].index >= count) refuse("a class beyond those of the model");
    const Json& row = json.at("per_class")[i];
    scores[static_cast<std::size_t>(classes[i].index)] = {.images = exact<int>(row.at("images")),
                                                          .right1 = exact<int>(row.at("right1")),
                                                          .right5 = exact<int>(row.at("right5"))};
  }
  Tally::Confusion confusion;
  for (const Json& cell : json.at("confusion")) {
    if (!confusion.emplace(std::pair(exact<int>(cell.at(0)), exact<int>(cell.at(1))), exact<int>(cell.at(2))).second)
      refuse("a cell given twice");
  }
  auto tally = Tally::restored(std::move(scores), std::move(confusion));
  if (!tally) refuse("counts that cannot belong together");
  return std::move(*tally);
}

TimeHistogram histogram_of(const Json& json) {
  constexpr auto number = exact<std::uint64_t, Json>;
  TimeHistogram::Buckets buckets;
  for (const Json& bucket : json.at("buckets")) buckets[exact<int>(bucket.at(0))] = exact<std::uint64_t>(bucket.at(1));
  const auto times = TimeHistogram::restored(std::move(buckets), number(json.at("min")), number(json.at("max")),
                                             number(json.at("sum")));
  if (!times) refuse("times that cannot belong together");
  return *times;
}

Evaluation evaluation_of(const Json& json) {
  if (exact<int>(json.at("smlp_evaluation")) != kVersion) refuse("another version wrote it");
  Evaluation e{.provenance = provenance_of_json(json.at("provenance"))};
  e.label_source = json.at("label_source");
  for (const Json& row : json.at("per_class"))
    e.classes.push_back({exact<int>(row.at("index")), row.at("folder"), row.at("label")});
  const Json& shard = json.at("shard");
  e.shard = {.index = exact<std::uint64_t>(shard.at("index")), .count = exact<std::uint64_t>(shard.at("count"))};
  e.listed = exact<std::uint64_t>(shard.at("listed"));
  if (e.shard.index < 1 || e.shard.index > e.shard.count || e.shard.count > kMostShards) refuse("a part that is none");
  e.tally = tally_of(json, e.classes);
  json.at("class_names").get_to(e.model_classes.names);
  if (!e.model_classes.names.empty() && std::ssize(e.model_classes.names) != e.tally.classes()) {
    refuse("as many class names as classes were expected");
  }
  e.skipped = exact<std::int64_t>(json.at("skipped"));
  e.resumed = exact<std::int64_t>(json.at("resumed"));
  e.seconds = json.at("seconds");
  e.latency = histogram_of(json.at("latency_ms").at("histogram_ns"));
  if (e.skipped < 0 || e.skipped > kMostSkipped || e.resumed < 0 || e.resumed > e.images() + e.skipped ||
      e.seconds < 0 || e.latency.count() != static_cast<std::uint64_t>(e.images())) {
    refuse("counts that contradict each other");
  }
  return e;
}

// Equal, numbers up to the last digits: processors differ in those of a quotient or a root. Keys may have any order.
bool same_value(const Json& a, const Json& b) {
  if (a.is_object() && b.is_object()) {
    return a.size() == b.size() && std::ranges::all_of(a.get_ref<const Json::object_t&>(), [&](const auto& member) {
             const auto found = b.find(member.first);
             return found != b.end() && same_value(member.second, *found);
           });
  }
  if (a.is_array() && b.is_array()) return std::ranges::equal(a, b, same_value);
  if (!a.is_number_float() && !b.is_number_float()) return a == b;
  if (!a.is_number() || !b.is_number()) return false;
  const double x = a.get<double>(), y = b.get<double>();
  return std::abs(x - y) <= 1e-12 * std::max(std::abs(x), std::abs(y));
}

// An evaluation says many things twice: a count and the cells that it adds up, an accuracy and its counts. Where the
// text says anything else than this evaluation would be printed as, somebody changed it.
void check_printed_as(const Evaluation& e, const Json& json) {
  const Json printed = evaluation_json(e);
  for (const auto& [key, value] : printed.get_ref<const Json::object_t&>()) {
    if (!same_value(value, json.at(key))) {
      throw Json::other_error::create(501, fmt::format("'{}' is not what follows from the rest", key), nullptr);
    }
  }
}

}  // namespace

double Evaluation::images_per_second() const {
  const std::int64_t now = tally.images() + skipped - resumed;
  return seconds > 0 ? static_cast<double>(std::max<std::int64_t>(now, 0)) / seconds : 0;
}

Json evaluation_json(const Evaluation& e) {
  return {{"smlp_evaluation", kVersion},
          {"images", e.images()},
          {"skipped", e.skipped},
          {"not_finite", e.tally.not_finite()},
          {"right1", e.tally.right1()},
          {"right5", e.tally.right5()},
          {"acc1", share_json(e.tally.right1(), e.images())},
          {"acc5", share_json(e.tally.right5(), e.images())},
          {"acc1_interval", interval_json(e.acc1_interval())},
          {"acc5_interval", interval_json(e.acc5_interval())},
          {"seconds", e.seconds},
          {"images_per_second", e.images_per_second()},
          {"latency_ms", latency_json(e.latency)},
          {"resumed", e.resumed},
          {"shard", shard_json(e)},
          {"label_rule", e.provenance.label_rule},
          {"label_source", e.label_source},
          {"isa", e.provenance.isa},
          {"threads", e.provenance.threads > 0 ? Json(e.provenance.threads) : Json()},
          {"model_classes", e.tally.classes()},
          {"class_names", e.model_classes.names},
          {"per_class", classes_json(e)},
          {"confusion", confusion_json(e.tally)},
          {"provenance", provenance_json(e.provenance)}};
}

Result<Evaluation> read_evaluation(const std::filesystem::path& file) {
  const auto wrong = [&](std::string_view why) {
    return fail(Error{.what = fmt::format("is no evaluation: {}", why),
                      .file = file.string(),
                      .remedy = "give what `smlp evaluate --shard K/N --json` printed"});
  };
  SMLP_TRY(text, read_text(file, kMaxBytes));
  const auto json = parse_ordered_json(text);
  if (!json) return wrong(json.error().what);
  try {
    Evaluation evaluation = evaluation_of(*json);
    check_printed_as(evaluation, *json);
    return evaluation;
  } catch (const nlohmann::json::exception& error) {
    return wrong(json_fault(error));
  }
}

}  // namespace smlp
