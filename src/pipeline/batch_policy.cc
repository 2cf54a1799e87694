#include "pipeline/batch_policy.h"

#include <algorithm>

namespace smlp {
namespace {

// Decoded pictures that pile up before an exclusive execution: as many as make the change between decoding and
// executing cheap, in no more memory than this.
constexpr std::size_t kPiledPerWorker = 16;
constexpr std::size_t kPiledBytes = std::size_t{64} << 20;
constexpr std::size_t kFewestInWindow = 256;
constexpr std::size_t kPreparedPerWorker = 4;  // where nothing is inferred

std::size_t divide_up(std::size_t value, std::size_t by) { return (value + by - 1) / by; }

BatchSizes sizes_for_inference(const PassShape& pass) {
  BatchSizes sizes{.exclusive = pass.exclusive || pass.solo == 0};
  sizes.rows = sizes.exclusive ? pass.batch : pass.solo;
  if (sizes.exclusive) {
    const std::size_t bytes = std::max<std::size_t>(1, sizes.rows * pass.floats * sizeof(float));
    const std::size_t piled = divide_up(kPiledPerWorker * pass.workers, sizes.rows);
    sizes.batches = std::clamp<std::size_t>(piled, 1, std::max<std::size_t>(1, kPiledBytes / bytes));
  } else {
    sizes.batches = pass.workers + 2;  // one a worker, one that fills and one to spare
  }
  if (pass.grows) return sizes;
  const std::size_t wanted = divide_up(std::max<std::size_t>(1, pass.pictures), sizes.rows);
  // Two at least where workers infer alone: promised rows must fit while a batch that is not full runs.
  sizes.batches = std::min(sizes.batches, sizes.exclusive ? wanted : wanted + pass.workers + 1);
  return sizes;
}

}  // namespace

BatchSizes batch_sizes(const PassShape& pass) {
  BatchSizes sizes;
  if (pass.infers) {
    sizes = sizes_for_inference(pass);
  } else {
    sizes.batches = std::min(std::max<std::size_t>(1, pass.pictures), kPreparedPerWorker * pass.workers);
  }
  const std::size_t rows = 4 * sizes.rows * sizes.batches;
  sizes.window = pass.grows ? rows : std::max<std::size_t>(1, std::min(pass.pictures, std::max(kFewestInWindow, rows)));
  return sizes;
}

Execution before_decoding(const BatchesNow& now) {
  return !now.exclusive && now.full ? Execution::by_one : Execution::none;
}

Execution when_idle(const BatchesNow& now) {
  const bool rest = now.partial && now.last;
  if (now.exclusive) return !now.decoding && (now.full || rest) ? Execution::by_all : Execution::none;
  if (!now.partial || !now.can_spare) return Execution::none;
  return rest && !now.running ? Execution::by_all
                              : Execution::by_one;  // the end: nobody else has work, so all share it
}

RequestsNow::Clock::time_point latest_start(const RequestsNow& now) {
  const auto by_delay = now.arrived + now.max_delay;
  if (!now.deadline) return by_delay;
  return std::min(by_delay, now.arrived + (*now.deadline - now.arrived) / 2);
}

bool is_whole(const RequestsNow& now) { return now.queued > 0 && (now.closing || now.queued >= now.most); }

}  // namespace smlp
