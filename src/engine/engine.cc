#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <new>
#include <optional>
#include <system_error>

#include "base/affinity.h"
#include "base/cpu_features.h"
#include "base/memory.h"
#include "base/stack.h"
#include "base/thread_pool.h"
#include "engine/forward.h"
#include "engine/measure.h"
#include "engine/packed_cache.h"
#include "engine/profile.h"
#include "engine/recorder.h"
#include "engine/team.h"
#include "kernels/dispatch.h"

namespace smlp {
namespace {

// Pictures of one pass: enough for the deep stages to reuse their weights.
constexpr int kMostPictures = 16;

// The most pictures of a pass that a thread takes alone, and of one that all share; 0: the mode has no such passes.
int most_alone(const EngineOptions& options, int threads) {
  if (options.mode == Mode::latency || (options.mode == Mode::automatic && options.batch < threads)) return 0;
  // In throughput mode some threads take one more than others; elsewhere what does not divide is shared.
  const int each = options.mode == Mode::throughput ? (options.batch + threads - 1) / threads : options.batch / threads;
  return std::clamp(each, 1, kMostPictures);
}

int most_shared(const EngineOptions& options, int threads) {
  if (options.mode == Mode::throughput || (options.mode == Mode::automatic && threads == 1)) return 0;
  if (options.mode == Mode::latency) return std::min(options.batch, kMostPictures);
  return std::clamp(threads - 1, 1, options.batch);
}

}  // namespace

// A thread takes its own pictures through a pass of its own (`solo`); other pictures go through passes that all threads
// share (`shared`). The mode decides which pictures; see alone_of().
struct Engine::State {
  std::shared_ptr<const Network> network;
  const kernels::Kernels& table;
  ThreadPool pool;
  std::shared_ptr<const PackedNetwork> shared_weights;
  const PackedNetwork& packed;
  Meeting all, fewer;
  Attendance attendance;
  Plan solo_plan = {}, shared_plan = {};
  std::vector<Workspace> solo;      // one a thread, or none
  std::optional<Workspace> shared;  // nothing where no pass is shared
  std::vector<PinnedThread> pins;
  std::vector<Recorder> recorders;  // one a thread, for profiles
  std::vector<std::uint64_t> runs;  // of each thread, those with shared passes

  State(std::shared_ptr<const Network> net, const kernels::Kernels& kernels, int threads, const EngineOptions& options)
      : network(std::move(net)),
        table(kernels),
        pool(threads),
        shared_weights(shared_packed(network, table, pool)),
        packed(*shared_weights),
        all(threads),
        fewer(std::max(threads - 1, 1)),
        attendance(threads),
        recorders(static_cast<std::size_t>(threads)),
        runs(static_cast<std::size_t>(threads)) {
    if (const int most = most_alone(options, threads); most > 0) {
      solo_plan = Plan::make(packed, table, most, 1);
      for (int t = 0; t < threads; ++t) solo.push_back(Workspace::make(solo_plan, packed, table));
    }
    if (const int most = most_shared(options, threads); most > 0) {
      shared_plan = Plan::make(packed, table, most, threads);
      shared = Workspace::make(shared_plan, packed, table);
    }
  }

  // How many of `count` pictures are taken by one thread each.
  int alone_of(int count) const {
    if (!shared) return count;
    return solo.empty() ? 0 : count - count % pool.size();
  }

  Result<void> pin() {
    const std::vector<int> cpus = pinning_order();
    std::vector<std::optional<Result<PinnedThread>>> done(static_cast<std::size_t>(pool.size()));
    auto work = [&](int worker) {
      const auto w = static_cast<std::size_t>(worker);
      done[w] = PinnedThread::pin(cpus.empty() ? -1 : cpus[w % cpus.size()]);
    };
    pool.run(work);
    for (auto& one : done) {
      SMLP_TRY(pinned, std::move(*one));
      pins.push_back(std::move(pinned));
    }
    return {};
  }

  // A worker's share of a run.
  void work(const kernels::Kernels& kernels, int worker, const float* input, int count, float* logits) {
    const int threads = pool.size(), by_one = alone_of(count);
    if (by_one > 0) {
      work_alone(kernels, worker, input, by_one * worker / threads, by_one * (worker + 1) / threads, logits);
    }
    if (by_one < count) work_shared(kernels, worker, input, by_one, count, logits);
  }

  // A worker's part of pictures [first, last), which all share, or all but one.
  void work_shared(const kernels::Kernels& kernels, int worker, const float* input, int first, int last,
                   float* logits) {
    const std::uint64_t run = runs[static_cast<std::size_t>(worker)]++;
    const int threads = pool.size(), absent = attendance.absent(run);
    if (worker == absent) return;
    const bool is_whole = absent == Attendance::kNobody;
    const int member = is_whole || worker < absent ? worker : worker - 1;
    const Team team = {member, is_whole ? threads : threads - 1, is_whole ? &all : &fewer};
    for_each_pass(shared_plan, first, last, [&](int begin, int count) {
      team.meeting->begin_pass(member);
      pass(kernels, shared_plan, *shared, team, input, begin, count, logits);
      team.meeting->end_pass(member, [&](std::int64_t total, const std::vector<Attendance::Part>& parts) {
        is_whole ? attendance.all_passed(run, total, parts) : attendance.fewer_passed(run);
      });
    });
  }

  // Pictures [first, last) by one worker.
  void work_alone(const kernels::Kernels& kernels, int worker, const float* input, int first, int last, float* logits) {
    for_each_pass(solo_plan, first, last, [&](int begin, int count) {
      pass(kernels, solo_plan, solo[static_cast<std::size_t>(worker)], {0, 1, nullptr}, input, begin, count, logits);
    });
  }

  template <class Call>
  static void for_each_pass(const Plan& plan, int first, int last, Call call) {
    for (int i = first; i < last; i += plan.images) call(i, std::min(plan.images, last - i));
  }

  void pass(const kernels::Kernels& kernels, const Plan& plan, Workspace& memory, const Team& team, const float* input,
            int first, int count, float* logits) {
    forward({kernels, packed, plan, memory, nullptr}, team,
            input + static_cast<std::size_t>(first) * packed.config.picture_floats(), count,
            logits + static_cast<std::size_t>(first) * static_cast<std::size_t>(packed.config.classes));
  }
};

Result<std::unique_ptr<Engine>> Engine::create(std::shared_ptr<const Network> network, const EngineOptions& options) {
  const kernels::Kernels* table = options.table;
  if (table == nullptr) {
    SMLP_TRY(chosen, kernels::choose(options.isa, options.precision));
    table = chosen;
  }
  if (options.threads < 0 || options.batch < 1) {
    return fail("{} threads and a batch of {}: both must be positive", options.threads, options.batch);
  }
  if (table->precision == Precision::int8 && !network->has_int8()) {
    return fail(Error{.what = "the model has no scales for int8",
                      .remedy = "compile it to int8 with some pictures to measure them on, and run what comes out"});
  }
  const int threads = options.threads == 0 ? usable_cpus() : options.threads;
  SMLP_CHECK(reserve_stack(kernels::kStackBytes));
  try {
    auto state = std::make_unique<State>(std::move(network), *table, threads, options);
    if (options.pin) SMLP_CHECK(state->pin());
    return std::unique_ptr<Engine>(new Engine(std::move(state)));
  } catch (const std::bad_alloc&) {
    return fail(out_of_memory(fmt::format("for {} threads and batches of {}", threads, options.batch),
                              "use fewer threads or a smaller batch"));
  } catch (const std::system_error& error) {
    return fail(Error{.what = fmt::format("cannot start {} threads: {}", threads, error.what()),
                      .remedy = "use fewer threads"});
  }
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

void Engine::run(const float* input, int count, float* logits) {
  auto work = [&](int worker) { state_->work(state_->table, worker, input, count, logits); };
  state_->pool.run(work);
}

int Engine::solo_pictures() const { return state_->solo.empty() ? 0 : state_->solo_plan.images; }

void Engine::run_solo(int worker, const float* input, int count, float* logits) {
  state_->work_alone(state_->table, worker, input, 0, count, logits);
}

void Engine::run_share(int worker, const float* input, int count, float* logits) {
  state_->work(state_->table, worker, input, count, logits);
}

ThreadPool& Engine::workers() { return state_->pool; }

void Engine::run_profiled(const float* input, int count, float* logits, Profile& profile) {
  State& state = *state_;
  const kernels::Kernels timed = recording_table(state.table);
  const std::size_t threads = state.recorders.size();
  profile.threads.resize(threads);
  auto work = [&](int worker) {
    const Recording recording(state.recorders[static_cast<std::size_t>(worker)]);
    state.work(timed, worker, input, count, logits);
  };
  // Who makes a call differs from run to run, so that each thread gets room for those of all.
  for (bool all_fit = false; !all_fit;) {
    for (auto& events : profile.threads) events.resize(events.capacity());
    const auto start = Recorder::Clock::now();
    for (std::size_t t = 0; t < threads; ++t)
      state.recorders[t] = {&state.table, &state.packed, start, profile.threads[t]};
    state.pool.run(work);
    profile.nanoseconds = std::chrono::nanoseconds(Recorder::Clock::now() - start).count();
    all_fit = true;
    std::size_t calls = 0;
    for (std::size_t t = 0; t < threads; ++t) {
      all_fit = all_fit && state.recorders[t].calls <= profile.threads[t].size();
      calls += state.recorders[t].calls;
    }
    for (std::size_t t = 0; t < threads; ++t) profile.threads[t].resize(all_fit ? state.recorders[t].calls : calls);
  }
  for (auto& events : profile.threads) {
    for (StepEvent& e : events) e.work = work_of(state.packed.config, state.table, e.step, e.index, e.unit);
  }
}

void Engine::run_measured(const float* input, int count, float* logits, Measurement& measurement) {
  State& state = *state_;
  const kernels::Kernels showing = measuring_table(state.table);
  auto work = [&](int worker) {
    const Measuring measuring(measurement, worker, state.table, state.packed);
    state.work(showing, worker, input, count, logits);
  };
  state.pool.run(work);
}

void Engine::run_observed(const float* input, float* logits, const Observer& observer) {
  State& state = *state_;
  Plan plan = Plan::make(state.packed, state.table, 1, 1);
  for (StagePlan& stage : plan.stages) stage.unit_rows = stage.shape.size;
  Workspace memory = Workspace::make(plan, state.packed, state.table);
  const Pass pass{state.table, state.packed, plan, memory, &observer};
  forward(pass, {0, 1, nullptr}, input, 1, logits);
}

double Engine::peak_gflops() {
  using Clock = std::chrono::steady_clock;
  State& state = *state_;
  // The fastest of some runs: whatever else uses the machine only makes a run slower.
  const auto fastest = [&](std::int64_t rounds, int runs, double& macs) {
    double best = 1e30;
    for (int run = 0; run < runs; ++run) {
      std::atomic<std::int64_t> done = 0;
      auto work = [&](int) { done += state.table.saturate(rounds); };
      const auto start = Clock::now();
      state.pool.run(work);
      best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
      macs = static_cast<double>(done.load());
    }
    return best;
  };
  constexpr double kSeconds = 0.005;
  double macs = 0;
  std::int64_t rounds = 100'000;
  while (fastest(rounds, 3, macs) < kSeconds) rounds *= 2;
  const double seconds = fastest(rounds, 15, macs);
  return 2e-9 * macs / seconds;
}

std::string_view Engine::isa() const { return state_->table.isa; }
int Engine::threads() const { return state_->pool.size(); }
const Network& Engine::network() const { return *state_->network; }
const PackedNetwork& Engine::packed() const { return state_->packed; }

}  // namespace smlp
