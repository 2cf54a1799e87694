#include "model/checkpoint.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "model/gate.h"
#include "model/infer_config.h"
#include "model/state_dict.h"

namespace smlp {
namespace {

constexpr std::size_t kMaxPlaces = 64;
constexpr std::uint64_t kAnyNetwork = std::uint64_t{256} << 20;  // bytes of weights that any file may describe
constexpr std::uint64_t kMaxSharing = 64;                        // blocks that share their weights, and then some

// The part of `name` in front of a key that only an sMLPNet's token mixing has; empty optional where there is none.
std::optional<std::string_view> prefix_of_network_key(std::string_view name) {
  constexpr std::string_view family = "token_mix.";
  constexpr std::array<std::string_view, 5> members = {".0.conv_merge.", ".1.BN.", ".1.proj_h.", ".1.proh_w.",
                                                       ".1.fuse."};
  for (auto at = name.find(family); at != name.npos; at = name.find(family, at + 1)) {
    if (at != 0 && name[at - 1] != '.') continue;
    const std::string_view rest = name.substr(at + family.size());
    const auto digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const std::string_view member = rest.substr(digits);
    if (digits > 0 && std::ranges::any_of(members, [&](auto m) { return member.starts_with(m); })) {
      return name.substr(0, at);
    }
  }
  return {};
}

// What wrappers (DataParallel, torch.compile) put in front of keys; it says nothing about which network this is.
bool is_wrapper(std::string_view segment) { return segment == "module" || segment == "_orig_mod"; }

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    const auto dot = std::min(path.find('.'), path.size());
    if (dot > 0) out.push_back(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return out;
}

// "model_ema", "EMA": a word of the segment, in any case. "schema" and "demand" are none.
bool names_average(std::string_view segment) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  std::string word;
  for (const char c : segment) {
    if (is_letter(c)) {
      word += static_cast<char>(c | 0x20);
    } else if (std::exchange(word, {}) == "ema") {
      return true;
    }
  }
  return word == "ema";
}

// Order of preference; see find_network().
int rank_of(const NetworkPlace& place) {
  std::string_view last;
  for (const std::string_view path : {std::string_view(place.container), std::string_view(place.prefix)}) {
    for (const auto segment : segments_of(path)) {
      if (names_average(segment)) return 3;
      if (!is_wrapper(segment)) last = segment;
    }
  }
  if (last.empty()) return 0;
  return last == "model" || last == "state_dict" ? 1 : 2;
}

bool only_wrappers(std::string_view prefix) { return std::ranges::all_of(segments_of(prefix), is_wrapper); }

Result<std::vector<NetworkPlace>> all_networks(const TensorFile& file) {
  std::vector<NetworkPlace> places;
  for (const Tensor& tensor : file.tensors) {
    const auto prefix = prefix_of_network_key(tensor.name);
    const auto same = [&](const NetworkPlace& p) { return p.container == tensor.container && p.prefix == *prefix; };
    if (!prefix || std::ranges::any_of(places, same)) continue;
    if (places.size() == kMaxPlaces) return fail("more than {} networks in one file", kMaxPlaces);
    places.push_back({tensor.container, std::string(*prefix)});
  }
  std::ranges::stable_sort(places, {}, rank_of);
  return places;
}

// Of two that stand alike nobody can say which is meant.
Result<void> check_one_is_first(const std::vector<NetworkPlace>& places) {
  if (places.size() < 2 || rank_of(places[0]) != rank_of(places[1])) return {};
  return fail(
      Error{.what = fmt::format("holds several networks: {} and {}", places[0].describe(), places[1].describe()),
            .remedy = "save the one that is meant alone: torch.save(checkpoint[NAME], FILE)"});
}

// The tensors of one place, by the key that the network itself gives them.
Result<TensorsByKey> tensors_at(const TensorFile& file, const std::vector<NetworkPlace>& places) {
  const NetworkPlace& place = places.front();
  const auto of_another_network = [&](const Tensor& tensor) {
    return std::any_of(places.begin() + 1, places.end(), [&](const NetworkPlace& p) {
      return p.container == tensor.container && p.prefix.size() > place.prefix.size() &&
             tensor.name.starts_with(p.prefix);
    });
  };
  TensorsByKey out;
  for (const Tensor& tensor : file.tensors) {
    if (tensor.container != place.container || of_another_network(tensor)) continue;
    if (!tensor.name.starts_with(place.prefix)) {
      if (!only_wrappers(place.prefix)) continue;  // "optimizer.lr" beside "model.token_mix...": not the network's
      return fail(Error{.what = fmt::format("is not part of an sMLPNet (the other keys start with '{}')", place.prefix),
                        .tensor = tensor.name});
    }
    if (!out.emplace(tensor.name.substr(place.prefix.size()), &tensor).second) {
      return fail(Error{.what = "stands twice in the file", .tensor = tensor.name});
    }
  }
  return out;
}

Result<std::vector<float>> convert(const Tensor& tensor, const StateDictEntry& entry) {
  SMLP_CHECK(check_shape(tensor, entry.shape));
  SMLP_CHECK(check_weights(tensor));
  SMLP_TRY(values, tensor.to_float());
  if (entry.key.ends_with(".running_var")) SMLP_CHECK(check_variances(values));
  return std::move(values);
}

// Tensors may share storages and repeat them, so that a small file could describe a network of any size.
Result<void> check_size(const TensorsByKey& tensors, const Config& config) {
  std::map<const std::byte*, std::size_t> storages;
  for (const auto& [key, tensor] : tensors) {
    std::size_t& bytes = storages[tensor->storage.data()];
    bytes = std::max(bytes, tensor->storage.size());
  }
  std::uint64_t stored = 0;
  for (const auto& [at, bytes] : storages) stored += bytes;
  const std::uint64_t wanted = static_cast<std::uint64_t>(config.parameters()) * sizeof(float);
  if (wanted <= kAnyNetwork || wanted / kMaxSharing <= stored) return {};
  return fail("its tensors describe {} bytes of weights and share {} bytes of storage", wanted, stored);
}

Result<Weights> read_weights(const TensorFile& file) {
  SMLP_TRY(places, all_networks(file));
  if (places.empty()) return fail(find_network(file).error());
  SMLP_CHECK(check_one_is_first(places));
  const std::string& prefix = places.front().prefix;
  SMLP_TRY(tensors, tensors_at(file, places));
  auto config = infer_config(tensors);
  if (!config) {
    Error error = std::move(config).error();
    if (!error.tensor.empty()) error.tensor = prefix + error.tensor;
    return fail(std::move(error).fix("the file holds no complete sMLPNet"));
  }
  Weights weights;
  weights.config = std::move(*config);
  SMLP_CHECK(check_size(tensors, weights.config));
  resize_to_config(weights);
  for (const StateDictEntry& entry : state_dict_entries(weights)) {
    const auto found = tensors.find(entry.key);
    if (found == tensors.end()) {
      if (entry.values == nullptr) continue;
      return fail(Error{.what = fmt::format("is missing, expected shape {}", shape_text(entry.shape)),
                        .tensor = prefix + entry.key});
    }
    if (entry.values != nullptr) {
      auto values = convert(*found->second, entry);
      if (!values) return fail(std::move(values).error().of_tensor(found->second->name));
      *entry.values = std::move(*values);
    }
    tensors.erase(found);
  }
  if (!tensors.empty()) {
    return fail(Error{.what = fmt::format("is not part of an sMLPNet of {} stages and {} blocks",
                                          weights.config.stages(), weights.config.blocks()),
                      .tensor = tensors.begin()->second->name});
  }
  return weights;
}

}  // namespace

std::string NetworkPlace::describe() const {
  std::string text = container.empty() ? "the file's top" : fmt::format("'{}'", container);
  if (!prefix.empty()) text += fmt::format(", keys with '{}'", prefix);
  return text;
}

Result<NetworkPlace> find_network(const TensorFile& file) {
  SMLP_TRY(places, all_networks(file));
  if (places.empty()) {
    const std::string why =
        file.tensors.empty()
            ? "it holds no tensors"
            : fmt::format("none of its {} tensors is named like '{}' (the first is '{}' {})", file.tensors.size(),
                          kExampleKey, file.tensors.front().name, file.tensors.front().shape_text());
    return fail(Error{.what = "this is no sMLPNet: " + why,
                      .file = file.path,
                      .remedy = "give a checkpoint of an sMLPNet; `smlp info` lists what this one holds"});
  }
  return places.front();
}

Result<Weights> weights_from_tensors(const TensorFile& file) {
  auto weights = read_weights(file);
  if (!weights) return fail(std::move(weights).error().in(file.path));
  return weights;
}

TensorFile tensors_from_weights(const Weights& weights) {
  static constexpr std::int64_t kNoBatches = 0;
  TensorFile file;
  // The entries point at the tensors for reading and filling alike; here they are only read.
  for (const StateDictEntry& entry : state_dict_entries(const_cast<Weights&>(weights))) {
    const bool counter = entry.values == nullptr;
    Tensor tensor;
    tensor.name = entry.key;
    tensor.dtype = counter ? DType::i64 : DType::f32;
    tensor.shape = entry.shape;
    tensor.dtype_text = dtype_name(tensor.dtype);
    tensor.strides = contiguous_strides(entry.shape);
    tensor.storage = counter ? std::as_bytes(std::span(&kNoBatches, 1)) : std::as_bytes(std::span(*entry.values));
    file.tensors.push_back(std::move(tensor));
  }
  return file;
}

}  // namespace smlp
