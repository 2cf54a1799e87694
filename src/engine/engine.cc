#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <new>
#include <system_error>

#include "base/cpu_features.h"
#include "base/thread_pool.h"
#include "engine/forward.h"
#include "kernels/dispatch.h"

namespace smlp {
namespace {

// Pictures of one solo pass: enough for the deep stages to reuse their weights.
constexpr int kSoloPictures = 16;

}  // namespace

// Throughput: each thread takes its own pictures through a pass of its own (`solo`). Pictures that don't divide among
// the threads, and single ones, go through one pass that all threads share (`shared`).
struct Engine::State {
  std::shared_ptr<const Network> network;
  const kernels::Kernels& table;
  PackedNetwork packed;
  ThreadPool pool;
  Barrier all, alone{1};
  Plan solo_plan, shared_plan;
  std::vector<Workspace> solo;
  Workspace shared;

  State(std::shared_ptr<const Network> net, const kernels::Kernels& kernels, int threads, int batch)
      : network(std::move(net)),
        table(kernels),
        packed(pack(*network, table)),
        pool(threads),
        all(threads),
        solo_plan(Plan::make(packed, table, std::clamp(batch / threads, 1, kSoloPictures), 1)),
        shared_plan(Plan::make(packed, table, std::clamp(threads == 1 ? 1 : threads - 1, 1, batch), threads)) {
    const bool has_solo = batch >= threads;
    for (int t = 0; has_solo && t < threads; ++t) solo.push_back(Workspace::make(solo_plan, packed, table));
    shared = Workspace::make(shared_plan, packed, table);
  }

  Pass pass(const Plan& plan, Workspace& memory) const { return {table, packed, plan, memory, nullptr}; }
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
  const int threads = options.threads == 0 ? usable_cpus() : options.threads;
  try {
    return std::unique_ptr<Engine>(
        new Engine(std::make_unique<State>(std::move(network), *table, threads, options.batch)));
  } catch (const std::bad_alloc&) {
    return fail(Error{.what = fmt::format("not enough memory for {} threads and batches of {}", threads, options.batch),
                      .remedy = "use fewer threads or a smaller batch"});
  } catch (const std::system_error& error) {
    return fail(Error{.what = fmt::format("cannot start {} threads: {}", threads, error.what()),
                      .remedy = "use fewer threads"});
  }
}

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

void Engine::run(const float* input, int count, float* logits) {
  State& state = *state_;
  const int threads = state.pool.size();
  const int each = state.solo.empty() ? 0 : count / threads;
  const std::size_t in = state.packed.config.picture_floats();
  const auto out = static_cast<std::size_t>(state.packed.config.classes);
  auto work = [&](int worker) {
    auto run_pass = [&](const Plan& plan, Workspace& memory, const Team& team, int first, int last) {
      for (int i = first; i < last; i += plan.images) {
        forward(state.pass(plan, memory), team, input + static_cast<std::size_t>(i) * in,
                std::min(plan.images, last - i), logits + static_cast<std::size_t>(i) * out);
      }
    };
    if (each > 0) {
      run_pass(state.solo_plan, state.solo[static_cast<std::size_t>(worker)], {0, 1, &state.alone}, worker * each,
               (worker + 1) * each);
    }
    run_pass(state.shared_plan, state.shared, {worker, threads, &state.all}, threads * each, count);
  };
  state.pool.run(work);
}

void Engine::run_observed(const float* input, float* logits, const Observer& observer) {
  State& state = *state_;
  Plan plan = Plan::make(state.packed, state.table, 1, 1);
  for (StagePlan& stage : plan.stages) stage.unit_rows = stage.shape.size;
  Workspace memory = Workspace::make(plan, state.packed, state.table);
  Barrier alone(1);
  const Pass pass{state.table, state.packed, plan, memory, &observer};
  forward(pass, {0, 1, &alone}, input, 1, logits);
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

}  // namespace smlp
