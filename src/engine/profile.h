// Where the time of a run goes: every call of a kernel with its begin and end, and what its shapes say it cost.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"
#include "model/config.h"

namespace smlp {

// The kernels that forward.cc calls.
enum class Step { stem, local, mix, fuse, channel_mix, downsample, head };
inline constexpr Step kAllSteps[] = {Step::stem,        Step::local,      Step::mix, Step::fuse,
                                     Step::channel_mix, Step::downsample, Step::head};

std::string_view step_name(Step step);  // "channel_mix"

// macs: multiply-accumulates of dense layers and depthwise convolutions, as Config::macs() counts them: GELUs, norms
// and the sum of the residual are left out. bytes: what the kernel reads and writes, each array once a call, in the
// sizes that the kernel table stores them in:
//   stem         pictures (float32), weights -> x
//   downsample   4 pixels of the finer x for each of x, weights -> x
//   local        x with a row above and below, 12 float32 a channel -> g
//   mix          g of whole pictures, two matrices -> along_width, along_height
//   fuse         g, along_width, along_height, x, weights -> x
//   channel_mix  x, weights -> x; the hidden activations never leave the cache and are not counted
//   head         x of a picture, weights -> logits
struct Work {
  std::int64_t macs = 0, bytes = 0;
  Work& operator+=(const Work& other) {
    macs += other.macs;
    bytes += other.bytes;
    return *this;
  }
};

// index: the block, or the stage whose x a stem or downsample writes; the head has none.
Work work_of(const Config& config, const kernels::Kernels& table, Step step, int index, const kernels::Unit& unit);

// One call of a kernel. Times are nanoseconds since the run began.
struct StepEvent {
  Step step;
  int index;
  kernels::Unit unit;
  std::int64_t begin, end;
  Work work;

  std::string name() const;  // "channel_mix.3", as observers call it; "stem.0", "downsample.1", "head"
};

// One run of an engine. A thread's events are in the order of time and do not overlap.
struct Profile {
  std::int64_t nanoseconds = 0;
  std::vector<std::vector<StepEvent>> threads;
};

// Calls summed up: of one step, or of one kind of step.
struct StepCost {
  std::string name;
  Step step;
  int index = -1;  // -1 for a kind
  int calls = 0;
  double seconds = 0;  // thread time / threads, so that the costs and the rest make up the run's time
  Work work = {};

  double gflops() const { return seconds > 0 ? 2e-9 * static_cast<double>(work.macs) / seconds : 0; }
  double gigabytes_per_second() const { return seconds > 0 ? 1e-9 * static_cast<double>(work.bytes) / seconds : 0; }
};

struct ProfileSummary {
  double seconds = 0;                // of the run
  double rest = 0;                   // of it, not in any kernel: waiting for other threads, everything else
  std::vector<StepCost> steps = {};  // in the order of the network
  std::vector<StepCost> kinds = {};  // in the order of kAllSteps, those that the network has
  StepCost all = {.name = "all", .step = Step::stem};  // every call, over the run's seconds
};

ProfileSummary summarize(const Profile& profile);

}  // namespace smlp
