// One version of a model while it is served.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <string>

#include "server/infer_request.h"
#include "tasks/named_model.h"

namespace smlp::server {

// What a request that waited too long is told.
inline constexpr std::string_view kTimedOut = "the request timed out in the queue";

// How requests become batches.
struct BatchingOptions {
  int max_batch = 8;
  std::chrono::microseconds max_delay{2000};
  std::size_t max_queue = 256;
  std::chrono::milliseconds timeout{0};  // of a request, from its arrival to its start; 0: none
};

// What a request cost, and how it ended; times in nanoseconds, as the protocol's statistics have them.
struct RequestCounts {
  std::atomic<std::uint64_t> succeeded{0}, succeeded_ns{0};
  std::atomic<std::uint64_t> failed{0}, failed_ns{0};  // the client's fault, or the network's
  std::atomic<std::uint64_t> rejected{0};              // no room in the queue
  std::atomic<std::uint64_t> cancelled{0}, timed_out{0};
  std::atomic<std::uint64_t> pictures{0};  // of requests that succeeded
  // Parts of the time of those that succeeded: reading the request; waiting for the first picture's batch; decoding and
  // inference; writing the answer.
  std::atomic<std::uint64_t> input_ns{0}, queue_ns{0}, infer_ns{0}, output_ns{0};
  std::atomic<std::uint64_t> last_ms{0};  // of the last request, since 1970
};

// Requests in flight share it, and one of them may let go of it last, in a thread of the batcher. Call shut_down()
// where what it has taken must be answered by then.
class ServedModel {
 public:
  // Errors: a file that cannot be read, options that this machine cannot serve.
  static Result<std::shared_ptr<ServedModel>> load(std::string name, std::string version,
                                                   const std::filesystem::path& file, const SessionOptions& session,
                                                   const BatchingOptions& batching);

  const std::string name, version;
  const InputShape input;
  const int classes;
  const std::vector<std::string> class_names;  // empty, or one a class
  const BatchingOptions batching;
  Batcher batcher;
  RequestCounts counts;

 private:
  ServedModel(std::string model_name, std::string model_version, NamedModel model, const BatchingOptions& how,
              Batcher made);
};

}  // namespace smlp::server
