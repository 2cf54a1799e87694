// How many pictures go through the network together, and when: all of it is decided here.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace smlp {

// What a pass knows before it begins.
struct PassShape {
  std::size_t pictures = 0;
  bool grows = false;  // more pictures may come while it runs
  std::size_t workers = 1;
  std::size_t floats = 0;  // of a prepared picture
  bool infers = true;      // false: prepared pictures are the answers
  std::size_t batch = 1;   // pictures of one execution by all workers together
  std::size_t solo = 0;    // the most that a worker takes alone; 0: none does
  bool exclusive = false;  // executions have the machine to themselves
};

struct BatchSizes {
  std::size_t rows = 1;     // of a batch
  std::size_t batches = 1;  // in memory; where nothing is inferred, pictures behind the sink's place
  std::size_t window = 1;   // pictures that are read or answered and not yet through the sink
  bool exclusive = false;
};

BatchSizes batch_sizes(const PassShape& pass);

// Where the batches of a pass stand when a worker looks for something to do.
struct BatchesNow {
  bool exclusive = false;
  bool full = false;      // at least one is
  bool partial = false;   // one has some rows, all of them written, and room for more
  bool last = false;      // no picture can come into it before the sink gets on
  bool can_spare = true;  // rows that were promised to decoding workers exist without the partial batch
  bool decoding = false;  // some worker decodes
  bool running = false;   // some worker infers
};

enum class Execution { none, by_one, by_all };

// Full batches that one worker takes come before decoding: it frees their rows.
Execution before_decoding(const BatchesNow& now);
// What a worker that finds nothing to decode or to read does. by_all takes every full batch, and the partial one if it
// is the last.
Execution when_idle(const BatchesNow& now);

// Single requests that are gathered into batches.
struct RequestsNow {
  using Clock = std::chrono::steady_clock;
  std::size_t queued = 0, most = 1;           // requests; in a batch
  Clock::time_point arrived = {};             // of the first
  std::optional<Clock::time_point> deadline;  // of the first
  Clock::duration max_delay = {};
  bool closing = false;  // no others come
};

// When a batch that begins with the first request goes, whoever else comes. A request with an early deadline does not
// wait until it has passed.
RequestsNow::Clock::time_point latest_start(const RequestsNow& now);
// Whether it goes at once.
bool is_whole(const RequestsNow& now);

}  // namespace smlp
