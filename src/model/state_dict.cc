#include "model/state_dict.h"

#include <fmt/format.h>

namespace smlp {
namespace {

class Entries {
 public:
  std::vector<StateDictEntry> list;

  void add(std::string key, std::vector<std::int64_t> shape, std::vector<float>& values) {
    list.push_back({std::move(key), std::move(shape), &values});
  }
  void add_norm(const std::string& prefix, std::int64_t channels, BatchNorm& norm) {
    add(prefix + ".weight", {channels}, norm.weight);
    add(prefix + ".bias", {channels}, norm.bias);
    add(prefix + ".running_mean", {channels}, norm.mean);
    add(prefix + ".running_var", {channels}, norm.variance);
    list.push_back({prefix + ".num_batches_tracked", {}, nullptr});
  }
  // proj_h mixes along the width and proh_w (so spelt) along the height, whatever their names say.
  void add_token_mix(int b, std::int64_t c, std::int64_t h, BlockWeights& block) {
    const std::string prefix = fmt::format("token_mix.{}.", b);
    add_norm(prefix + "0.conv_merge.BN", c, block.bn1);
    add(prefix + "0.conv_merge.Conv.weight", {c, 1, 3, 3}, block.depthwise);
    add_norm(prefix + "1.BN", c, block.bn2);
    add(prefix + "1.proj_h.weight", {h, h, 1, 1}, block.mix_width.weight);
    add(prefix + "1.proj_h.bias", {h}, block.mix_width.bias);
    add(prefix + "1.proh_w.weight", {h, h, 1, 1}, block.mix_height.weight);
    add(prefix + "1.proh_w.bias", {h}, block.mix_height.bias);
    add(prefix + "1.fuse.weight", {c, 3 * c, 1, 1}, block.fuse);
  }
  void add_channel_mix(int b, std::int64_t c, std::int64_t hidden, BlockWeights& block) {
    const std::string prefix = fmt::format("channel_mix.{}.", b);
    add(prefix + "1.weight", {c}, block.norm.weight);
    add(prefix + "1.bias", {c}, block.norm.bias);
    add(prefix + "2.net.0.weight", {hidden, c}, block.fc1.weight);
    add(prefix + "2.net.0.bias", {hidden}, block.fc1.bias);
    add(prefix + "2.net.3.weight", {c, hidden}, block.fc2.weight);
    add(prefix + "2.net.3.bias", {c}, block.fc2.bias);
  }
};

}  // namespace

void resize_to_config(Weights& weights) {
  weights.stems.resize(weights.config.stages());
  weights.blocks.resize(weights.config.blocks());
}

std::vector<StateDictEntry> state_dict_entries(Weights& weights) {
  const Config& config = weights.config;
  Entries entries;
  for (int s = 0; s < config.stages(); ++s) {
    const std::int64_t k = config.stem_kernel(s);
    entries.add(fmt::format("to_patch_embedding.{}.0.weight", s), {config.channels(s), config.stem_inputs(s), k, k},
                weights.stems[s]);
  }
  const auto each_block = [&](auto&& visit) {
    for (int s = 0, b = 0; s < config.stages(); ++s) {
      for (int i = 0; i < config.depths[s]; ++i, ++b) visit(b, s, weights.blocks[b]);
    }
  };
  each_block([&](int b, int s, BlockWeights& w) { entries.add_token_mix(b, config.channels(s), config.grid(s), w); });
  each_block(
      [&](int b, int s, BlockWeights& w) { entries.add_channel_mix(b, config.channels(s), config.hidden(s), w); });
  entries.add_norm("batch_norm", config.features(), weights.head_norm);
  entries.add("mlp_head.0.weight", {config.classes, config.features()}, weights.head.weight);
  entries.add("mlp_head.0.bias", {config.classes}, weights.head.bias);
  return std::move(entries.list);
}

}  // namespace smlp
