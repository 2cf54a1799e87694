#include "formats/onnx_match.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/state_dict.h"

namespace smlp::graph {
namespace {

// A chain of batch normalisations, scales and shifts along the channels, and the term below it.
struct Chain {
  std::vector<int> terms;  // the last applied first
  int below = -1;
};

class Matcher {
 public:
  Matcher(const Graph& graph, Terms& terms) : graph_(graph), terms_(terms) {}

  Result<Weights> match(int logits) {
    SMLP_TRY(features, match_head(logits));
    SMLP_TRY(spine, find_spine(features));
    SMLP_CHECK(match_stages(spine));
    SMLP_CHECK(check());
    return std::move(weights_);
  }

 private:
  std::unexpected<Error> departs(int id, std::string expected) const {
    const Term& term = terms_[id];
    const std::string where =
        term.node < 0 ? "the input" : graph_.label(graph_.nodes[static_cast<std::size_t>(term.node)]);
    return fail("{} departs from an sMLPNet: {}, where {} was expected", where, kind_name(term.kind), expected);
  }

  bool is(int id, Kind kind) const { return terms_[id].kind == kind; }
  bool is_channel_product(int id) const { return is(id, Kind::contract) && terms_[id].axis == Axis::c; }

  Chain chain_above(int id) const {
    Chain chain;
    for (;;) {
      const Term& term = terms_[id];
      const bool affine = term.kind == Kind::batch_norm || term.kind == Kind::scale || term.kind == Kind::shift;
      if (!affine || (term.axis && term.axis != Axis::c)) break;
      chain.terms.push_back(id);
      id = term.inputs[0];
    }
    chain.below = id;
    return chain;
  }

  // One batch normalisation is kept as it is; anything else becomes y = weight x + bias, with mean 0, variance 1.
  BatchNorm take_norm(const Chain& chain, std::size_t channels, const std::vector<float>& first_shift) {
    if (chain.terms.size() == 1 && is(chain.terms[0], Kind::batch_norm) && first_shift.empty()) {
      return std::move(terms_[chain.terms[0]].norm);
    }
    return fold(chain, channels, first_shift);
  }

  // All terms of the chain as y = weight x + bias.
  BatchNorm fold(const Chain& chain, std::size_t channels, const std::vector<float>& first_shift) const {
    std::vector<double> scale(channels, 1.0), shift(first_shift.begin(), first_shift.end());
    shift.resize(channels, 0.0);
    for (auto id = chain.terms.rbegin(); id != chain.terms.rend(); ++id) {
      const Term& term = terms_[*id];
      for (std::size_t c = 0; c < channels; ++c) {
        double a = 1, b = 0;
        if (term.kind == Kind::scale) a = term.weight[term.axis ? c : 0];
        if (term.kind == Kind::shift) b = term.bias[term.axis ? c : 0];
        if (term.kind == Kind::batch_norm) {
          const BatchNorm& norm = term.norm;
          a = norm.weight[c] / std::sqrt(static_cast<double>(norm.variance[c]) + norm.epsilon);
          b = norm.bias[c] - a * norm.mean[c];
        }
        scale[c] *= a;
        shift[c] = shift[c] * a + b;
      }
    }
    BatchNorm norm;
    norm.weight.assign(scale.begin(), scale.end());
    norm.bias.assign(shift.begin(), shift.end());
    norm.mean.assign(channels, 0.0F);
    norm.variance.assign(channels, 1.0F);
    norm.epsilon = 0;
    return norm;
  }

  // A product along `axis` with the shifts after it as its bias; `id` becomes the product's input.
  Result<Linear> take_linear(int& id, Axis axis, std::string_view what) {
    std::vector<double> bias;
    int at = id;
    const auto outputs = static_cast<std::size_t>(terms_[id].extents[axis]);
    const auto add = [&](const std::vector<float>& values) {
      bias.resize(outputs, 0.0);
      for (std::size_t i = 0; i < outputs; ++i) bias[i] += values[values.size() == 1 ? 0 : i];
    };
    for (; is(at, Kind::shift) && terms_[at].axis.value_or(axis) == axis; at = terms_[at].inputs[0]) {
      add(terms_[at].bias);
    }
    if (!is(at, Kind::contract) || terms_[at].axis != axis) return departs(at, std::string(what));
    if (!terms_[at].bias.empty()) add(terms_[at].bias);
    bias.resize(outputs, 0.0);
    id = terms_[at].inputs[0];
    return Linear{.weight = std::move(terms_[at].weight), .bias = {bias.begin(), bias.end()}};
  }

  // Logits back to the last block's output: linear <- (mean over the picture, batch normalisation, in either order).
  Result<int> match_head(int id) {
    SMLP_TRY(linear, take_linear(id, Axis::c, "the head's matrix product"));
    const auto features = static_cast<std::size_t>(terms_[id].extents[Axis::c]);
    Chain chain = chain_above(id);
    const int pool = chain.below;
    if (is(pool, Kind::pool)) {
      const Chain inner = chain_above(terms_[pool].inputs[0]);
      chain.terms.insert(chain.terms.end(), inner.terms.begin(), inner.terms.end());
      chain.below = inner.below;
    } else if (terms_[pool].extents[Axis::h] != 1 || terms_[pool].extents[Axis::w] != 1) {
      return departs(pool, "the head's mean over the picture");
    }
    weights_.config.classes = static_cast<int>(linear.bias.size());
    weights_.head = std::move(linear);
    weights_.head_norm = take_norm(chain, features, {});
    return chain.below;
  }

  // The residual stream from the picture to the last block: stems and sums.
  Result<std::vector<int>> find_spine(int id) {
    std::vector<int> spine;
    const auto carries = [&](int at) {
      const bool first_stem = is_channel_product(at) && is(terms_[at].inputs[0], Kind::input);  // patches of 1x1
      return is(at, Kind::sum) || is(at, Kind::patch) || first_stem;
    };
    while (!is(id, Kind::input)) {
      if (!carries(id)) {
        return departs(id, spine.empty() ? "the last block's output" : "a residual sum or a stage's patch embedding");
      }
      spine.push_back(id);
      const auto& inputs = terms_[id].inputs;
      if (is(id, Kind::sum)) {
        if (carries(inputs[0]) == carries(inputs[1])) return departs(id, "a residual sum of a block");
        id = carries(inputs[0]) ? inputs[0] : inputs[1];
      } else {
        id = inputs[0];
      }
    }
    std::ranges::reverse(spine);
    return spine;
  }

  Result<void> match_stages(const std::vector<int>& spine) {
    Config& config = weights_.config;
    config.depths.clear();
    const Extents& picture = terms_[0].extents;
    config.in_channels = static_cast<int>(picture[Axis::c]);
    config.image = static_cast<int>(picture[Axis::h]);
    bool expects_token = true;
    for (std::size_t i = 0; i < spine.size(); ++i) {
      const int id = spine[i];
      if (!is(id, Kind::sum)) {
        if (!expects_token)
          return departs(id, "the channel mixing of block " + std::to_string(weights_.blocks.size() - 1));
        SMLP_CHECK(match_stem(id));
        continue;
      }
      const auto& inputs = terms_[id].inputs;
      if (i == 0) return departs(id, "the first stage's patch embedding");
      const int x = spine[i - 1], branch = inputs[0] == x ? inputs[1] : inputs[0];
      if (expects_token) {
        weights_.blocks.emplace_back();
        ++config.depths.back();
        SMLP_CHECK(match_token_mixing(branch, x));
      } else {
        SMLP_CHECK(match_channel_mixing(branch, x));
      }
      expects_token = !expects_token;
    }
    if (!expects_token) return departs(spine.back(), "the channel mixing of the last block");
    return {};
  }

  Result<void> match_stem(int id) {
    Config& config = weights_.config;
    Term& term = terms_[id];
    if (!term.bias.empty()) return fail_at(id, "a patch embedding with a bias, which an sMLPNet's has not");
    const int kernel = term.kind == Kind::patch ? term.kernel : 1;
    if (config.depths.empty()) {
      config.patch = kernel;
      config.dim = static_cast<int>(term.extents[Axis::c]);
    } else if (kernel != 2) {
      return departs(id, "a later stage's patch embedding, of 2x2,");
    }
    config.depths.push_back(0);
    weights_.stems.push_back(std::move(term.weight));
    return {};
  }

  std::unexpected<Error> fail_at(int id, std::string_view what) const {
    return fail("{} departs from an sMLPNet: {}", graph_.label(graph_.nodes[static_cast<std::size_t>(terms_[id].node)]),
                what);
  }

  std::string block_name() const { return "block " + std::to_string(weights_.blocks.size() - 1) + "'s "; }

  // fuse(concat[g, mixW(g), mixH(g)]) with g = GELU(BN2(DW3x3(GELU(BN1(x)))))
  Result<void> match_token_mixing(int id, int x) {
    BlockWeights& block = weights_.blocks.back();
    const int product = id;
    SMLP_TRY(fuse, take_linear(id, Axis::c, block_name() + "fusion of its token mixing"));
    if (std::ranges::any_of(fuse.bias, [](float value) { return value != 0.0F; })) {
      return fail_at(product, block_name() + "fusion has a bias, which an sMLPNet's has not");
    }
    if (!is(id, Kind::concat) || terms_[id].inputs.size() != 3) {
      return departs(id, block_name() + "concatenation of three");
    }
    const std::vector<int> parts = terms_[id].inputs;
    std::size_t order[3] = {3, 3, 3};  // where g, mixW and mixH are
    for (std::size_t i = 0; i < 3; ++i) {
      int below = parts[i];
      while (is(below, Kind::shift)) below = terms_[below].inputs[0];
      if (is(parts[i], Kind::gelu)) order[0] = i;
      if (is(below, Kind::contract) && terms_[below].axis == Axis::w) order[1] = i;
      if (is(below, Kind::contract) && terms_[below].axis == Axis::h) order[2] = i;
    }
    if (std::ranges::count(order, 3U) > 0) {
      return departs(id, block_name() +
                             "concatenation of the local features, their mixing along the width and along "
                             "the height");
    }
    const int g = parts[order[0]];
    int along_width = parts[order[1]], along_height = parts[order[2]];
    SMLP_TRY(mix_width, take_linear(along_width, Axis::w, block_name() + "mixing along the width"));
    SMLP_TRY(mix_height, take_linear(along_height, Axis::h, block_name() + "mixing along the height"));
    if (along_width != g) return departs(along_width, block_name() + "local features");
    if (along_height != g) return departs(along_height, block_name() + "local features");
    block.fuse = in_order(std::move(fuse.weight), order);
    block.mix_width = std::move(mix_width);
    block.mix_height = std::move(mix_height);
    return match_local(terms_[g].inputs[0], x);
  }

  // The fusion's columns in our order of g, mixW, mixH.
  static std::vector<float> in_order(std::vector<float> weight, const std::size_t (&order)[3]) {
    if (order[0] == 0 && order[1] == 1 && order[2] == 2) return weight;
    std::vector<float> out(weight.size());
    const std::size_t channels = static_cast<std::size_t>(std::sqrt(static_cast<double>(weight.size()) / 3) + 0.5);
    for (std::size_t row = 0; row * channels * 3 < weight.size(); ++row) {
      for (std::size_t part = 0; part < 3; ++part) {
        const float* from = weight.data() + (row * 3 + order[part]) * channels;
        std::copy_n(from, channels, out.data() + (row * 3 + part) * channels);
      }
    }
    return out;
  }

  // BN2(DW3x3(GELU(BN1(x))))
  Result<void> match_local(int id, int x) {
    BlockWeights& block = weights_.blocks.back();
    const auto channels = static_cast<std::size_t>(terms_[x].extents[Axis::c]);
    const Chain after = chain_above(id);
    if (!is(after.below, Kind::depthwise)) {
      return departs(after.below, block_name() + "3x3 depthwise convolution");
    }
    Term& depthwise = terms_[after.below];
    block.bn2 = take_norm(after, channels, depthwise.bias);
    block.depthwise = std::move(depthwise.weight);
    const int gelu = depthwise.inputs[0];
    if (!is(gelu, Kind::gelu)) return departs(gelu, block_name() + "first GELU");
    const Chain before = chain_above(terms_[gelu].inputs[0]);
    if (before.below != x) return departs(before.below, block_name() + "first batch normalisation of its input");
    block.bn1 = take_norm(before, channels, {});
    return {};
  }

  // FC2(GELU(FC1(LayerNorm(x))))
  Result<void> match_channel_mixing(int id, int x) {
    BlockWeights& block = weights_.blocks.back();
    SMLP_TRY(fc2, take_linear(id, Axis::c, block_name() + "second matrix product of its channel mixing"));
    if (!is(id, Kind::gelu)) return departs(id, block_name() + "GELU of its channel mixing");
    id = terms_[id].inputs[0];
    SMLP_TRY(fc1, take_linear(id, Axis::c, block_name() + "first matrix product of its channel mixing"));
    const Chain affine = chain_above(id);
    if (!is(affine.below, Kind::normalised) || terms_[affine.below].axis != Axis::c) {
      return departs(affine.below, block_name() + "layer normalisation");
    }
    const Term& normalised = terms_[affine.below];
    if (normalised.inputs[0] != x) return departs(affine.below, "the layer normalisation of " + block_name() + "input");
    const auto channels = static_cast<std::size_t>(terms_[x].extents[Axis::c]);
    BatchNorm scale = fold(affine, channels, {});
    block.norm = {.weight = std::move(scale.weight),
                  .bias = std::move(scale.bias),
                  .epsilon = static_cast<float>(normalised.epsilon)};
    block.fc1 = std::move(fc1);
    block.fc2 = std::move(fc2);
    return {};
  }

  // What the walk leaves open: whether all the shapes are those of one configuration.
  Result<void> check() {
    Config& config = weights_.config;
    // By the first block's own channels: the first stage may have no blocks.
    const BlockWeights* block = weights_.blocks.empty() ? nullptr : &weights_.blocks[0];
    const std::size_t channels = block == nullptr ? 0 : block->fc2.bias.size();
    config.alpha = channels == 0 ? 0 : static_cast<int>(block->fc1.bias.size() / channels);
    SMLP_CHECK(config.validate());
    for (const StateDictEntry& entry : state_dict_entries(weights_)) {
      if (entry.values == nullptr) continue;
      std::int64_t expected = 1;
      for (const std::int64_t extent : entry.shape) expected *= extent;
      if (static_cast<std::int64_t>(entry.values->size()) == expected) continue;
      return fail(Error{.what = fmt::format("the weight in this role has {} elements, expected {}",
                                            entry.values->size(), shape_text(entry.shape)),
                        .tensor = entry.key});
    }
    return {};
  }

  const Graph& graph_;
  Terms& terms_;
  Weights weights_;
};

}  // namespace

Result<Weights> match_network(const Graph& graph, Terms& terms, int logits) {
  auto weights = Matcher(graph, terms).match(logits);
  if (weights) weights->input_name = graph.values[static_cast<std::size_t>(graph.input)];
  return weights;
}

}  // namespace smlp::graph
