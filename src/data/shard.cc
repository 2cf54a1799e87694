#include "data/shard.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace smlp {
namespace {

constexpr std::string_view kRemedy = "give --shard K/N with K from 1 to N";

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::unexpected<Error> shard_error(std::string what, std::string_view remedy = kRemedy) {
  return fail(Error{.what = std::move(what), .remedy = std::string(remedy)});
}

// What one scheduler says.
struct Claim {
  std::string variables;
  Shard shard;
};

class Schedulers {
 public:
  explicit Schedulers(const Environment& environment) : environment_(environment) {}

  bool has(const char* name) const {
    const char* value = environment_(name);
    return value != nullptr && *value != '\0';
  }

  Result<std::uint64_t> number(const char* name) const {
    const char* text = environment_(name);
    if (!has(name)) return shard_error(fmt::format("--shard auto: {} is not set", name));
    const auto value = number_of(text);
    if (!value) return shard_error(fmt::format("--shard auto: {}='{}' is no number", name, text));
    return *value;
  }

  // A rank from 0 on among `size`.
  Result<Claim> rank(const char* index_name, const char* size_name) const {
    SMLP_TRY(index, number(index_name));
    SMLP_TRY(size, number(size_name));
    const std::string variables = fmt::format("{}={}, {}={}", index_name, index, size_name, size);
    if (index >= size || size > kMostShards) {
      return shard_error(fmt::format("--shard auto: {}: no part of a whole", variables));
    }
    return Claim{.variables = variables, .shard = {.index = index + 1, .count = size}};
  }

  // Tasks of an array have any numbers: MIN, MIN + STEP, ... MAX.
  Result<Claim> slurm_array() const {
    SMLP_TRY(id, number("SLURM_ARRAY_TASK_ID"));
    SMLP_TRY(count, number("SLURM_ARRAY_TASK_COUNT"));
    SMLP_TRY(least, number("SLURM_ARRAY_TASK_MIN"));
    SMLP_TRY(step, has("SLURM_ARRAY_TASK_STEP") ? number("SLURM_ARRAY_TASK_STEP") : Result<std::uint64_t>(1));
    SMLP_TRY(most, has("SLURM_ARRAY_TASK_MAX") ? number("SLURM_ARRAY_TASK_MAX")
                                               : Result<std::uint64_t>(least + step * (count - 1)));
    const std::string variables =
        fmt::format("SLURM_ARRAY_TASK_ID={} of {} tasks from {} to {}", id, count, least, most);
    if (count == 1) {
      return shard_error(
          fmt::format("--shard auto: {}: an array of a single task is the whole or a task done again", variables),
          "give --shard K/N, or leave --shard out for the whole");
    }
    const bool regular = step > 0 && count > 0 && count <= kMostShards && most == least + step * (count - 1) &&
                         id >= least && id <= most && (id - least) % step == 0;
    if (!regular) {
      return shard_error(fmt::format("--shard auto: {} is no regular array (step {})", variables, step),
                         "number the array's tasks without gaps (--array=1-N), or give --shard K/N");
    }
    return Claim{.variables = variables, .shard = {.index = (id - least) / step + 1, .count = count}};
  }

  Result<std::vector<Claim>> claims() const {
    std::vector<Claim> all;
    if (has("SLURM_ARRAY_TASK_ID")) {
      SMLP_TRY(claim, slurm_array());
      all.push_back(std::move(claim));
    }
    if (has("SLURM_PROCID") && has("SLURM_NTASKS")) {
      SMLP_TRY(claim, rank("SLURM_PROCID", "SLURM_NTASKS"));
      all.push_back(std::move(claim));
    }
    if (has("OMPI_COMM_WORLD_RANK")) {
      SMLP_TRY(claim, rank("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"));
      all.push_back(std::move(claim));
    }
    if (has("JOB_COMPLETION_INDEX")) {
      if (!has("SMLP_SHARD_COUNT")) {
        return shard_error("--shard auto: JOB_COMPLETION_INDEX is set and Kubernetes does not say of how many",
                           "set SMLP_SHARD_COUNT to the job's completions");
      }
      SMLP_TRY(claim, rank("JOB_COMPLETION_INDEX", "SMLP_SHARD_COUNT"));
      all.push_back(std::move(claim));
    }
    return all;
  }

 private:
  const Environment& environment_;
};

Result<Shard> automatic(const Environment& environment) {
  SMLP_TRY(claims, Schedulers(environment).claims());
  if (claims.empty() && Schedulers(environment).has("SLURM_PROCID")) {
    return shard_error("--shard auto: SLURM_PROCID is set, and SLURM_NTASKS, which says of how many, is not");
  }
  if (claims.empty()) {
    return shard_error(
        "--shard auto: no scheduler says which part this is (SLURM_ARRAY_TASK_ID, SLURM_PROCID, "
        "OMPI_COMM_WORLD_RANK and JOB_COMPLETION_INDEX are not set)");
  }
  const bool divided = std::ranges::any_of(claims, [](const Claim& claim) { return claim.shard.count > 1; });
  if (divided) std::erase_if(claims, [](const Claim& claim) { return claim.shard.is_whole(); });
  for (const Claim& claim : claims) {
    if (claim.shard == claims.front().shard) continue;
    return shard_error(fmt::format("--shard auto: two schedulers contradict each other: {} is {}/{}, {} is {}/{}",
                                   claims.front().variables, claims.front().shard.index, claims.front().shard.count,
                                   claim.variables, claim.shard.index, claim.shard.count));
  }
  return claims.front().shard;
}

}  // namespace

std::string Shard::text() const { return is_whole() ? "" : fmt::format("{}/{}", index, count); }

Shard::Range Shard::of(std::uint64_t items, std::uint64_t unit) const {
  const std::uint64_t units = (items + unit - 1) / unit, each = units / count, larger = units % count;
  const auto begin = [&](std::uint64_t part) { return std::min(items, (each * part + std::min(part, larger)) * unit); };
  return {.first = begin(index - 1), .last = begin(index)};
}

Result<Shard> parse_shard(std::string_view text, const Environment& environment) {
  if (text == "auto") return automatic(environment);
  const std::size_t slash = std::min(text.find('/'), text.size());
  const auto index = number_of(text.substr(0, slash));
  const auto count = number_of(text.substr(std::min(slash + 1, text.size())));
  if (!index || !count) return shard_error(fmt::format("--shard '{}' is neither K/N nor auto", text));
  if (*index < 1 || *index > *count || *count > kMostShards) {
    return shard_error(fmt::format("--shard {}: there is no part {} of {}", text, *index, *count));
  }
  return Shard{.index = *index, .count = *count};
}

Result<void> check_parts(std::span<const GivenPart> parts) {
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const Shard& shard = parts[i].shard;
    if (shard != parts[i - 1].shard) continue;
    return fail(Error{.what = fmt::format("is part {}/{}, as {} is", shard.index, shard.count, parts[i - 1].name),
                      .file = parts[i].name,
                      .remedy = "give each part once"});
  }
  constexpr std::size_t kShown = 10;
  const std::uint64_t count = parts.front().shard.count;
  std::vector<std::string> missing;
  std::uint64_t number = 0;
  auto next = parts.begin();
  for (std::uint64_t index = 1; index <= count; ++index) {
    if (next != parts.end() && next->shard.index == index) {
      ++next;
      continue;
    }
    if (++number <= kShown) missing.push_back(fmt::format("{}/{}", index, count));
  }
  if (number == 0) return {};
  return fail(Error{.what = fmt::format("{} of {} parts missing: {}{}", number, count, fmt::join(missing, ", "),
                                        number > kShown ? fmt::format(" and {} more", number - kShown) : ""),
                    .remedy = "run them with --shard and give all parts"});
}

}  // namespace smlp
