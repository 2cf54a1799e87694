// Runs a model.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "smlp/error.h"
#include "smlp/export.h"
#include "smlp/model.h"
#include "smlp/prediction.h"

namespace smlp {

struct SessionOptions {
  int threads = 0;             // 0: as many as the process may use (affinity and cgroup quota)
  int batch = 8;               // the largest batch one pass takes; longer runs are split
  std::string precision = {};  // "fp32", "bf16"; empty: the model's own
  std::string isa = {};        // a name of `smlp info`, "avx2"; empty: SMLP_ISA or the best here
  // "throughput": each thread takes pictures of its own. "latency": all threads share each picture. "automatic": as
  // many pictures as divide among the threads go to one thread each, the others are shared.
  std::string mode = "automatic";
  // Keeps each thread on a processor of its own, from those that the process may use. The thread that creates the
  // session is one of them: it is pinned until the session goes away, and threads it makes meanwhile inherit its
  // processor.
  bool pin = false;
};

// A session owns packed weights, a workspace and threads. One call at a time: use one session per calling thread.
// Its work is done by the kernels of src/kernels, in the order that src/engine/forward.cc has on one page.
class SMLP_API Session {
 public:
  static Result<Session> create(const Model& model, const SessionOptions& options = {});
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  // input: count x in_channels x image x image float32, preprocessed; logits: count x classes.
  // The same picture gives the same bits whatever the batch, the mode and the number of threads.
  Result<void> run(std::span<const float> input, int count, std::span<float> logits);

  // Reads, preprocesses and classifies picture files: the `top` best classes of each, best first, one result per
  // picture, so that a broken picture fails alone. A `top` beyond the number of classes means all of them.
  std::vector<Result<std::vector<Prediction>>> classify(std::span<const std::filesystem::path> pictures, int top = 5);

  // How many pictures classify() reads and runs at a time; longer lists bring no more speed, only later answers.
  int pictures_at_once() const;

  const Model& model() const;
  std::string_view isa() const;  // the kernels in use
  int threads() const;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace smlp
