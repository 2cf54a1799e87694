#include "engine/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace smlp {
namespace {

int stage_of_block(const Config& config, int block) {
  int stage = 0;
  while (block >= config.depths[static_cast<std::size_t>(stage)])
    block -= config.depths[static_cast<std::size_t>(stage++)];
  return stage;
}

// Bytes that the table's arrays take, without what it keeps spare at their ends.
struct Sizes {
  const kernels::Kernels& table;
  const kernels::Shape& shape;

  std::int64_t stream(std::int64_t pixels) const { return of_pictures(table.stream_bytes, pixels); }
  std::int64_t local(std::int64_t pixels) const { return of_pictures(table.local_bytes, pixels); }
  std::int64_t mixed(int pixels) const {
    return static_cast<std::int64_t>(table.mixed_bytes(2 * pixels, shape) - table.mixed_bytes(pixels, shape));
  }
  std::int64_t weights(int outputs, int segments, int inputs) const {
    return static_cast<std::int64_t>(table.packed_bytes(outputs, segments, inputs));
  }
  std::int64_t mixing() const {
    return static_cast<std::int64_t>(table.packed_mix_bytes(shape.size)) + floats(shape.size);
  }
  static std::int64_t floats(std::int64_t count) { return 4 * count; }

 private:
  std::int64_t of_pictures(std::size_t (*bytes)(int, const kernels::Shape&), std::int64_t pixels) const {
    return static_cast<std::int64_t>(bytes(2, shape) - bytes(1, shape)) * pixels / shape.pixels();
  }
};

kernels::Shape shape_of(const Config& config, int stage) {
  return {config.grid(stage), config.channels(stage), config.hidden(stage)};
}

Work work_of_block_step(const kernels::Shape& shape, const Sizes& sizes, Step step, const kernels::Unit& unit) {
  const int c = shape.channels, h = shape.size, hidden = shape.hidden, pixels = unit.pixels(shape);
  const std::int64_t values = std::int64_t{pixels} * c;
  switch (step) {
    case Step::local: {
      const int rows = std::min(unit.row + unit.rows + 1, h) - std::max(unit.row - 1, 0);
      return {values * 9,
              sizes.stream(std::int64_t{unit.images} * rows * h) + Sizes::floats(12 * c) + sizes.local(pixels)};
    }
    case Step::mix:
      return {values * 2 * h,
              sizes.local(std::int64_t{unit.images} * h * h) + 2 * sizes.mixing() + 2 * sizes.mixed(pixels)};
    case Step::fuse:
      return {values * 3 * c,
              sizes.local(pixels) + 2 * sizes.mixed(pixels) + sizes.weights(c, 3, c) + 2 * sizes.stream(pixels)};
    default:
      return {values * 2 * hidden, 2 * sizes.stream(pixels) + sizes.weights(hidden, 1, c) +
                                       sizes.weights(c, 1, hidden) + Sizes::floats(hidden + c)};
  }
}

}  // namespace

std::string_view step_name(Step step) {
  static constexpr std::string_view kNames[] = {"stem", "local", "mix", "fuse", "channel_mix", "downsample", "head"};
  return kNames[static_cast<int>(step)];
}

Work work_of(const Config& config, const kernels::Kernels& table, Step step, int index, const kernels::Unit& unit) {
  const int stage = step == Step::stem || step == Step::downsample ? index
                    : step == Step::head                           ? config.stages() - 1
                                                                   : stage_of_block(config, index);
  const kernels::Shape shape = shape_of(config, stage);
  const Sizes sizes{table, shape};
  const int c = shape.channels, pixels = unit.pixels(shape);
  switch (step) {
    case Step::stem: {
      const int inputs = config.in_channels * config.patch * config.patch;
      return {std::int64_t{pixels} * c * inputs,
              Sizes::floats(std::int64_t{pixels} * inputs) + sizes.weights(c, 1, inputs) + sizes.stream(pixels)};
    }
    case Step::downsample: {
      const kernels::Shape finer = shape_of(config, stage - 1);
      return {std::int64_t{pixels} * c * 4 * finer.channels, Sizes{table, finer}.stream(std::int64_t{4} * pixels) +
                                                                 sizes.weights(c, 4, finer.channels) +
                                                                 sizes.stream(pixels)};
    }
    case Step::head:
      return {std::int64_t{c} * config.classes,
              sizes.stream(shape.pixels()) + sizes.weights(config.classes, 1, c) + Sizes::floats(2 * config.classes)};
    default:
      return work_of_block_step(shape, sizes, step, unit);
  }
}

std::string StepEvent::name() const {
  return step == Step::head ? "head" : fmt::format("{}.{}", step_name(step), index);
}

ProfileSummary summarize(const Profile& profile) {
  struct Sum {
    StepCost cost;
    std::int64_t first;  // begin of the earliest call: the network's order
  };
  std::map<std::pair<Step, int>, Sum> steps;
  const double threads = static_cast<double>(std::max<std::size_t>(profile.threads.size(), 1));
  const auto add = [&](StepCost& to, const StepEvent& event) {
    ++to.calls;
    to.seconds += 1e-9 * static_cast<double>(event.end - event.begin) / threads;
    to.work += event.work;
  };
  ProfileSummary out{.seconds = 1e-9 * static_cast<double>(profile.nanoseconds)};
  for (const Step step : kAllSteps) out.kinds.push_back({.name = std::string(step_name(step)), .step = step});
  for (const auto& events : profile.threads) {
    for (const StepEvent& event : events) {
      Sum fresh{{.name = event.name(), .step = event.step, .index = event.index}, event.begin};
      Sum& sum = steps.try_emplace({event.step, event.index}, std::move(fresh)).first->second;
      sum.first = std::min(sum.first, event.begin);
      for (StepCost* cost : {&sum.cost, &out.kinds[static_cast<std::size_t>(event.step)], &out.all}) add(*cost, event);
    }
  }
  std::vector<Sum> ordered;
  ordered.reserve(steps.size());
  for (auto& [key, sum] : steps) ordered.push_back(std::move(sum));
  std::ranges::sort(ordered, {}, &Sum::first);
  for (Sum& sum : ordered) out.steps.push_back(std::move(sum.cost));
  std::erase_if(out.kinds, [](const StepCost& cost) { return cost.calls == 0; });
  out.rest = out.seconds - out.all.seconds;
  out.all.seconds = out.seconds;
  return out;
}

}  // namespace smlp
