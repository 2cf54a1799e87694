// One part of a job that several machines share.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace smlp {

inline constexpr std::uint64_t kMostShards = 1'000'000;

// Part `index` of `count`, counted from 1. All parts together are the whole, each item in exactly one.
struct Shard {
  std::uint64_t index = 1, count = 1;

  struct Range {
    std::uint64_t first = 0, last = 0;  // items [first, last)
    std::uint64_t size() const { return last - first; }
    bool operator==(const Range&) const = default;
  };

  bool is_whole() const { return count == 1; }
  std::string text() const;  // "2/4"; empty for the whole

  // Neighbours stay together, so that the parts' results one after another are those of the whole. Sizes differ by one
  // `unit` at most: no unit of so many items (the last may be short) is cut.
  Range of(std::uint64_t items, std::uint64_t unit = 1) const;

  bool operator==(const Shard&) const = default;
};

// What the environment says under a name, or null.
using Environment = std::function<const char*(const char*)>;

// "2/4", or "auto": as the scheduler's variables say, of which those that are set have to agree.
//   SLURM_ARRAY_TASK_ID    with _MIN, _MAX, _COUNT and _STEP: a task of an array
//   SLURM_PROCID           with SLURM_NTASKS: a process of a job step
//   OMPI_COMM_WORLD_RANK   with OMPI_COMM_WORLD_SIZE: a process of Open MPI
//   JOB_COMPLETION_INDEX   with SMLP_SHARD_COUNT, which the job's manifest has to set: a pod of an Indexed Job
// A count of 1 says nothing where another is larger.
Result<Shard> parse_shard(std::string_view text, const Environment& environment);

// A part that somebody gave, and where it came from.
struct GivenPart {
  Shard shard;
  std::string name;
};

// `parts`, at least one, are of one whole and sorted by their place. Errors: one that is given twice; those that are
// missing, by number.
Result<void> check_parts(std::span<const GivenPart> parts);

}  // namespace smlp
