// The seam between pictures on their way and the device that computes: the CPU's engine is the first executor.
#pragma once

namespace smlp {

// Only buffers in the host's memory pass this seam; how a device cuts its work up stays behind it. Results have the
// same bits however pictures are grouped.
class Executor {
 public:
  virtual ~Executor() = default;

  // pictures: count x floats of a picture; logits: count x classes. One call at a time.
  virtual void run(const float* pictures, int count, float* logits) = 0;

  // What a pipeline needs, whose workers (as many as the device has threads for) take turns at decoding and inferring.
  // The most pictures that one worker takes through the network alone, while others do something else; 0: none can.
  virtual int solo_pictures() const = 0;
  // At most that many, called by several workers at once, each with its own number.
  virtual void run_solo(int worker, const float* pictures, int count, float* logits) = 0;
  // One worker's share of run(): every worker calls it with the same arguments, and the logits are whole when all have
  // returned.
  virtual void run_share(int worker, const float* pictures, int count, float* logits) = 0;
};

}  // namespace smlp
