// Runs a model.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "smlp/error.h"
#include "smlp/export.h"
#include "smlp/image.h"
#include "smlp/model.h"
#include "smlp/precision.h"
#include "smlp/prediction.h"

namespace smlp {

class Engine;

using Logits = std::vector<float>;  // one picture's, a value a class

struct SessionOptions {
  int threads = 0;                          // 0: as many as the process may use (affinity and cgroup quota)
  int batch = 8;                            // the largest batch one pass takes; longer runs are split
  std::optional<Precision> precision = {};  // nothing: the model's own
  std::string isa = {};                     // a name of `smlp info`, "avx2"; empty: SMLP_ISA or the best here
  Mode mode = Mode::automatic;
  // Keeps each thread on a processor of its own, from those that the process may use. The thread that creates the
  // session is one of them: it is pinned until the session goes away, and threads it makes meanwhile inherit its
  // processor.
  bool pin = false;
};

// A session owns a workspace and threads; packed weights are shared by all sessions of one model (and its copies),
// precision and instruction set. One call at a time: use one session for each calling thread, or a Batcher. A session
// may be used by other threads than the one that made it. Nothing throws; running out of memory is an error.
class SMLP_API Session {
 public:
  // Errors: options that make no sense or that this machine cannot serve, and memory or threads that run out.
  static Result<Session> create(const Model& model, const SessionOptions& options = {});
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  // input: count x in_channels x image x image float32, preprocessed; logits: count x classes.
  // The same picture gives the same bits whatever the batch, the mode and the number of threads.
  Result<void> run(std::span<const float> input, int count, std::span<float> logits);

  // Reads, preprocesses and runs pictures: one answer an image, so that a broken one fails alone. Reading, decoding and
  // inference overlap: give many at once. (Where there is no memory even for the answers, there are none.)
  std::vector<Result<Logits>> run(std::span<const Image> images);

  // The same, and the `top` best classes of each, best first. A `top` beyond the number of classes means all of them.
  std::vector<Result<std::vector<Prediction>>> classify(std::span<const Image> images, int top = 5);

  const Model& model() const;
  std::string_view isa() const;  // the kernels in use
  Precision precision() const;
  int threads() const;
  int batch() const;

  // For the library's own layers.
  Engine& engine();

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace smlp
