// What LoadGen tests: sessions and batchers of the public API.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "library.h"
#include "smlp/session.h"
#include "system_under_test.h"

namespace smlp::loadgen {

// Answers a sample with the index of its best class, an int32; -1 where there is none.
class System : public mlperf::SystemUnderTest {
 public:
  explicit System(std::string name) : name_(std::move(name)) {}

  const std::string& Name() override { return name_; }
  void FlushQueries() override {}

  // The first request that failed; empty where none did.
  std::string error() const;

 protected:
  void answer(mlperf::ResponseId id, const Result<Logits>& logits);

 private:
  std::string name_;
  mutable std::mutex mutex_;
  std::string error_;
};

// SingleStream has one picture at a time, answered by a session whose threads share it; Offline and Server have a
// batcher, which takes all of a query at once. Errors: those of Session and Batcher.
Result<std::unique_ptr<System>> make_system(const std::string& scenario, const Model& model, const Library& library,
                                            SessionOptions options);

}  // namespace smlp::loadgen
