#include "model/infer_config.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace smlp {
namespace {

constexpr int kMaxIndex = 4096;  // of a block in a key; Config::validate() draws the real limits
constexpr int kMaxStages = 8;

// Counts what tensors say about one number. The number with most votes wins, the earlier one at a tie.
class Votes {
 public:
  void add(std::optional<std::int64_t> value) {
    if (!value || *value <= 0) return;
    for (auto& [known, count] : counts_) {
      if (known == *value) return void(++count);
    }
    counts_.emplace_back(*value, 1);
  }
  std::optional<std::int64_t> winner() const {
    const std::pair<std::int64_t, int>* best = nullptr;
    for (const auto& candidate : counts_) {
      if (best == nullptr || candidate.second > best->second) best = &candidate;
    }
    if (best == nullptr) return {};
    return best->first;
  }

 private:
  std::vector<std::pair<std::int64_t, int>> counts_;
};

// Dimension `d` of a tensor of the given rank, divided by `divisor`; empty where it is missing or does not divide.
std::optional<std::int64_t> dimension(const TensorsByKey& tensors, const std::string& key, std::size_t rank,
                                      std::size_t d, std::int64_t divisor = 1) {
  const auto found = tensors.find(key);
  if (found == tensors.end() || found->second->shape.size() != rank) return {};
  const std::int64_t value = found->second->shape[d];
  if (divisor <= 0 || value % divisor != 0) return {};
  return value / divisor;
}

// One more than the largest N of keys that start with `family` N `.`
int count_of(const TensorsByKey& tensors, std::string_view family) {
  int count = 0;
  for (auto it = tensors.lower_bound(family); it != tensors.end() && it->first.starts_with(family); ++it) {
    const std::string_view rest = std::string_view(it->first).substr(family.size());
    int index = 0;
    const auto [end, code] = std::from_chars(rest.data(), rest.data() + rest.size(), index);
    if (code != std::errc{} || end == rest.data() + rest.size() || *end != '.') continue;
    if (index >= 0 && index < kMaxIndex) count = std::max(count, index + 1);
  }
  return count;
}

struct BlockShape {
  std::optional<std::int64_t> channels, grid;
};

BlockShape block_shape(const TensorsByKey& tensors, int b) {
  const std::string token = fmt::format("token_mix.{}.", b), channel = fmt::format("channel_mix.{}.", b);
  Votes channels, grid;
  for (const char* norm : {"0.conv_merge.BN.", "1.BN."}) {
    for (const char* part : {"weight", "bias", "running_mean", "running_var"}) {
      channels.add(dimension(tensors, token + norm + part, 1, 0));
    }
  }
  channels.add(dimension(tensors, token + "0.conv_merge.Conv.weight", 4, 0));
  channels.add(dimension(tensors, token + "1.fuse.weight", 4, 0));
  channels.add(dimension(tensors, token + "1.fuse.weight", 4, 1, 3));
  for (const char* part : {"1.weight", "1.bias", "2.net.3.bias"})
    channels.add(dimension(tensors, channel + part, 1, 0));
  channels.add(dimension(tensors, channel + "2.net.0.weight", 2, 1));
  channels.add(dimension(tensors, channel + "2.net.3.weight", 2, 0));
  for (const char* mix : {"1.proj_h.", "1.proh_w."}) {
    grid.add(dimension(tensors, token + mix + "weight", 4, 0));
    grid.add(dimension(tensors, token + mix + "weight", 4, 1));
    grid.add(dimension(tensors, token + mix + "bias", 1, 0));
  }
  return {channels.winner(), grid.winner()};
}

std::unexpected<Error> no_usable_shape(const TensorsByKey& tensors, const std::string& key, std::string_view expected) {
  const auto found = tensors.find(key);
  return fail(Error{.what = found == tensors.end()
                                ? fmt::format("is missing, expected shape {}", expected)
                                : fmt::format("shape {}, expected {}", found->second->shape_text(), expected),
                    .tensor = key});
}

// `dim`, from the stems, the head and (through `first_channels`) the narrowest block.
Result<int> infer_dim(const TensorsByKey& tensors, int stages, std::optional<std::int64_t> first_channels) {
  Votes dim;
  for (int s = 0; s < stages; ++s) {
    const std::string stem = fmt::format("to_patch_embedding.{}.0.weight", s);
    dim.add(dimension(tensors, stem, 4, 0, std::int64_t{1} << s));
    if (s > 0) dim.add(dimension(tensors, stem, 4, 1, std::int64_t{1} << (s - 1)));
  }
  const std::int64_t widest = std::int64_t{1} << (stages - 1);
  dim.add(dimension(tensors, "batch_norm.weight", 1, 0, widest));
  dim.add(dimension(tensors, "mlp_head.0.weight", 2, 1, widest));
  dim.add(first_channels);
  const auto winner = dim.winner();
  if (!winner || *winner > (1 << 16)) {
    return no_usable_shape(tensors, "to_patch_embedding.0.0.weight", "(dim, input channels, patch, patch)");
  }
  return static_cast<int>(*winner);
}

// The head is as wide as the last stage: where it asks for one more than there are stems, the last stem is missing.
int infer_stages(const TensorsByKey& tensors, int stems, int dim) {
  Votes features;
  features.add(dimension(tensors, "mlp_head.0.weight", 2, 1));
  for (const char* part : {"weight", "bias", "running_mean", "running_var"}) {
    features.add(dimension(tensors, std::string("batch_norm.") + part, 1, 0));
  }
  for (int stages = stems; stages <= kMaxStages; ++stages) {
    if (features.winner() == std::int64_t{dim} << (stages - 1)) return stages;
  }
  return stems;
}

// The first stage's grid, which the others halve, rounding down: of what the blocks suggest, that which suits most of
// them; the earlier one at a tie. A stage's own grid leaves open what its halvings dropped, so earlier blocks come
// first.
std::optional<std::int64_t> infer_grid(const std::vector<BlockShape>& blocks, const std::vector<int>& depths) {
  std::vector<std::pair<std::int64_t, int>> grids;  // with the stage
  for (std::size_t s = 0, b = 0; s < depths.size(); ++s) {
    for (int i = 0; i < depths[s]; ++i, ++b) {
      const auto grid = blocks[b].grid;
      if (grid && *grid < (1 << 16)) grids.emplace_back(*grid, static_cast<int>(s));
    }
  }
  std::optional<std::int64_t> best;
  std::ptrdiff_t most = 0;
  for (const auto& [grid, stage] : grids) {
    const std::int64_t candidate = grid << stage;
    const auto agree = std::ranges::count_if(grids, [&](const auto& g) { return candidate >> g.second == g.first; });
    if (agree > most) best = candidate, most = agree;
  }
  return best;
}

int stage_of(std::int64_t channels, int dim, int stages) {
  for (int s = 0; s < stages; ++s) {
    if (channels == std::int64_t{dim} << s) return s;
  }
  return -1;
}

// Puts every block into the stage that its channels tell. A block that tells nothing joins the one before it.
Result<std::vector<int>> infer_depths(const std::vector<BlockShape>& blocks, int dim, int stages) {
  std::vector<int> depths(stages, 0);
  int stage = 0;
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    const auto channels = blocks[b].channels;
    const int found = channels ? stage_of(*channels, dim, stages) : stage;
    if (found < stage) {
      const std::string after = b == 0 ? "" : fmt::format(" after {} in the block before", dim << stage);
      return fail(Error{.what = fmt::format("its block has {} channels{}; expected {} stages with {} to {} channels",
                                            *channels, after, stages, dim, dim << (stages - 1)),
                        .tensor = fmt::format("token_mix.{}.1.fuse.weight", b)});
    }
    stage = found;
    ++depths[stage];
  }
  return depths;
}

// Clamps, so that Config::validate() sees and reports a number that does not fit an int; 0 where there is none.
int as_int(std::optional<std::int64_t> value) {
  return static_cast<int>(std::min<std::int64_t>(value.value_or(0), std::int64_t{1} << 30));
}

}  // namespace

Result<Config> infer_config(const TensorsByKey& tensors) {
  const int stems = count_of(tensors, "to_patch_embedding.");
  const std::string stem = "to_patch_embedding.0.0.weight";
  if (stems < 1) return no_usable_shape(tensors, stem, "(dim, input channels, patch, patch)");
  if (stems > kMaxStages)
    return fail("{} stages (keys to_patch_embedding.N); at most {} are possible", stems, kMaxStages);
  std::vector<BlockShape> blocks;
  const int count = std::max(count_of(tensors, "token_mix."), count_of(tensors, "channel_mix."));
  blocks.reserve(static_cast<std::size_t>(count));
  for (int b = 0; b < count; ++b) blocks.push_back(block_shape(tensors, b));

  Config config;
  SMLP_TRY(dim, infer_dim(tensors, stems, blocks.empty() ? std::nullopt : blocks[0].channels));
  config.dim = dim;
  const int stages = infer_stages(tensors, stems, dim);
  SMLP_TRY(depths, infer_depths(blocks, dim, stages));
  config.depths = std::move(depths);

  Votes alpha, patch, classes;
  patch.add(dimension(tensors, stem, 4, 2));
  patch.add(dimension(tensors, stem, 4, 3));
  config.patch = as_int(patch.winner());
  config.in_channels = as_int(dimension(tensors, stem, 4, 1));
  if (config.patch == 0 || config.in_channels == 0) {
    return no_usable_shape(tensors, stem, fmt::format("({}, input channels, patch, patch)", dim));
  }
  for (int s = 0, b = 0; s < stages; ++s) {
    for (int i = 0; i < config.depths[s]; ++i, ++b) {
      const std::string fc = fmt::format("channel_mix.{}.2.net.", b);
      alpha.add(dimension(tensors, fc + "0.weight", 2, 0, config.channels(s)));
      alpha.add(dimension(tensors, fc + "0.bias", 1, 0, config.channels(s)));
      alpha.add(dimension(tensors, fc + "3.weight", 2, 1, config.channels(s)));
    }
  }
  classes.add(dimension(tensors, "mlp_head.0.weight", 2, 0));
  classes.add(dimension(tensors, "mlp_head.0.bias", 1, 0));
  const auto grid = infer_grid(blocks, config.depths);
  if (!grid) return no_usable_shape(tensors, "token_mix.0.1.proj_h.weight", "(grid, grid, 1, 1)");
  if (!alpha.winner()) {
    return no_usable_shape(tensors, "channel_mix.0.2.net.0.weight", "(alpha * channels, channels)");
  }
  if (!classes.winner()) {
    return no_usable_shape(tensors, "mlp_head.0.weight", fmt::format("(classes, {})", config.features()));
  }
  config.alpha = as_int(alpha.winner());
  config.image = as_int(*grid * config.patch);
  config.classes = as_int(classes.winner());
  SMLP_CHECK(config.validate());
  return config;
}

}  // namespace smlp
