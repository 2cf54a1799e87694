#include "engine/recorder.h"

#include <tuple>

namespace smlp {
namespace {

using kernels::Kernels;
using kernels::Unit;

thread_local Recorder* recorder_of_thread = nullptr;

int index_of(const PackedNetwork& network, const kernels::Block& block) {
  return static_cast<int>(&block - network.blocks.data());
}

// Stems and downsamplings; the head has no index.
int index_of(const PackedNetwork& network, const kernels::Matrix& weights) {
  return &weights == &network.head ? 0 : static_cast<int>(&weights - network.stems.data());
}

// The one of a kernel's arguments that says which share of the step it is; head() is told a picture.
template <Step step, class... Args>
Unit unit_of(const Args&... args) {
  const auto all = std::tie(args...);
  if constexpr (step == Step::head) {
    return {.image = std::get<const int&>(all), .images = 1, .row = 0, .rows = 1};
  } else {
    return std::get<const Unit&>(all);
  }
}

// A function of the same signature as the kernel `member` of the table.
template <Step step, auto member>
struct Timed;

template <Step step, class Weights, class... Args, void (*Kernels::*member)(const Weights&, Args...)>
struct Timed<step, member> {
  static void call(const Weights& weights, Args... args) {
    Recorder& recorder = *recorder_of_thread;
    const auto begin = Recorder::Clock::now();
    (recorder.table->*member)(weights, args...);
    const auto end = Recorder::Clock::now();
    recorder.note(step, index_of(*recorder.network, weights), unit_of<step>(args...), begin, end);
  }
};

}  // namespace

void Recorder::note(Step step, int index, const Unit& unit, Clock::time_point begin, Clock::time_point end) {
  const auto since_start = [&](Clock::time_point when) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(when - start).count();
  };
  if (calls < room.size()) room[calls] = {step, index, unit, since_start(begin), since_start(end), {}};
  ++calls;
}

Recording::Recording(Recorder& recorder) { recorder_of_thread = &recorder; }
Recording::~Recording() { recorder_of_thread = nullptr; }

Kernels recording_table(const Kernels& table) {
  Kernels timed = table;
  timed.stem = Timed<Step::stem, &Kernels::stem>::call;
  timed.local = Timed<Step::local, &Kernels::local>::call;
  timed.mix = Timed<Step::mix, &Kernels::mix>::call;
  timed.fuse = Timed<Step::fuse, &Kernels::fuse>::call;
  timed.channel_mix = Timed<Step::channel_mix, &Kernels::channel_mix>::call;
  timed.downsample = Timed<Step::downsample, &Kernels::downsample>::call;
  timed.head = Timed<Step::head, &Kernels::head>::call;
  return timed;
}

}  // namespace smlp
