// Pictures in, answers out: the one road from a source through decoding and inference to a sink.
//
//   Source -> readers (threads that wait) -> decode -> batches -> Executor -> Sink, in order
//             `---- bounded in bytes ----'  `--- workers, one a core ---'
//
// Each worker takes the next thing that can be done: an answer for the sink, a full batch to infer, a picture to
// decode. There is no phase in which all decode and then all infer, so that no core is idle while there is work. Memory
// is bounded: pictures read ahead by their bytes, decoded ones by the batches, answers by a window behind the sink's
// place.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "engine/executor.h"
#include "pipeline/sink.h"
#include "pipeline/source.h"
#include "smlp/preprocess.h"

namespace smlp {

class PassMemory;

// Times of exclusive executions, in milliseconds, one of each an execution (fill and collect: a batch).
struct Executions {
  std::vector<double> fill;     // writing a batch's pictures into the executor's input
  std::vector<double> compute;  // one execution alone: from the moment all workers are ready to the last one's end
  std::vector<double> collect;  // copying the logits out
  std::vector<int> pictures;    // in each execution
};

struct PipelineOptions {
  Preprocess how = {};  // what encoded pictures and pixels go through
  int channels = 3;     // planes of a picture: channels x how.crop x how.crop floats
  int classes = 0;      // floats of an answer; not used without an executor

  // Pictures of one execution by all workers together. Where workers infer alone (see `exclusive`), the executor's
  // solo_pictures() counts instead.
  int batch = 8;
  // Executions have the machine to themselves: all workers share each, and none decodes meanwhile, for honest times.
  // Full batches pile up, within a limit, so that changing between the two kinds of work costs little.
  bool exclusive = false;
  int loop = 1;                      // how often an exclusive batch is executed
  Executions* executions = nullptr;  // where to record exclusive ones; null: nowhere

  int max_readers = 64;                                // threads that read, started as workers run out of pictures
  std::uint64_t read_bytes = std::uint64_t{64} << 20;  // read and not yet decoded; a single larger picture may pass
  std::stop_token stop = {};                           // ends the pass early, with an error
  PassMemory* memory = nullptr;  // what an earlier pass of the same kind has left, for the next one; null: its own
};

// One pass over all pictures of `source`, on the threads of `workers` (the calling one among them), which must be those
// that `executor` knows. Without an executor the sink gets prepared pictures. Every pass ends, whatever its parts
// throw. Errors: what the sink returned, a stop that was asked for, memory that ran out. Errors of single pictures go
// to the sink.
Result<void> run_pipeline(ThreadPool& workers, Executor* executor, Source& source, Sink& sink,
                          const PipelineOptions& options);

}  // namespace smlp
