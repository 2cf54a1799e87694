// A network packed for one instruction set, with its threads and workspace.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/thread_pool.h"
#include "engine/executor.h"
#include "kernels/kernels.h"
#include "model/network.h"

namespace smlp {

struct Profile;     // engine/profile.h
class Measurement;  // engine/measure.h
struct PackedNetwork;

struct EngineOptions {
  int threads = 0;       // 0: as many as the process may use
  int batch = 8;         // the largest batch one pass takes
  std::string isa = {};  // empty: SMLP_ISA, else the best this machine has
  Precision precision = Precision::fp32;
  Mode mode = Mode::automatic;
  // Keeps each thread, the creating one among them, on a processor of its own from the affinity mask (where there are
  // more threads than processors, they take turns); that thread's mask is restored when the engine goes away.
  bool pin = false;
  const kernels::Kernels* table = nullptr;  // null: as `isa` and `precision` say
};

// Sees activations as float32 NHWC. Names: "stem.S" per stage, "token_mix.B" and "channel_mix.B" per block.
using Observer = std::function<void(std::string_view name, std::span<const float> values)>;

// Engines of one network and table share its packed weights; workspace and threads are each one's own.
class Engine final : public Executor {
 public:
  // Errors: an ISA or precision that this machine lacks, saying why; int8 of a network without scales for it; threads
  // that the system refuses or won't pin; a calling thread without kernels::kStackBytes of stack, which run() needs
  // too.
  static Result<std::unique_ptr<Engine>> create(std::shared_ptr<const Network> network, const EngineOptions& options);
  ~Engine() override;

  // input: count x in_channels x image x image; logits: count x classes. Any count; longer than `batch` is split.
  // Same bits for any count, batch, mode and number of threads. One call at a time.
  void run(const float* input, int count, float* logits) override;

  int solo_pictures() const override;
  void run_solo(int worker, const float* input, int count, float* logits) override;
  void run_share(int worker, const float* input, int count, float* logits) override;

  // The threads. Whoever runs other work on them calls nothing here but run_solo() and run_share() meanwhile.
  ThreadPool& workers();

  // One picture, with every stem's and half-block's output shown to `observer`.
  void run_observed(const float* input, float* logits, const Observer& observer);

  // run(), with its time by steps: `profile` is what comes out, and lends its memory to the run. The run is repeated
  // once where that memory is too small, as it is the first time. Same bits.
  void run_profiled(const float* input, int count, float* logits, Profile& profile);

  // run(), with the inputs of every block's products counted into `measurement`, which has as many threads and blocks
  // as this engine. Kernels of fp32 alone can do that.
  void run_measured(const float* input, int count, float* logits, Measurement& measurement);

  // What this machine reaches at best with these kernels and all threads, in GFLOP/s (a multiply-accumulate counts as
  // two): the fastest of some runs of a loop that only multiplies.
  double peak_gflops();

  std::string_view isa() const;  // the kernels that run: "avx512"
  int threads() const;
  const Network& network() const;
  const PackedNetwork& packed() const;

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace smlp
