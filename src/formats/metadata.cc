#include "formats/metadata.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/json.h"
#include "base/preprocess_limits.h"
#include "base/printable.h"

namespace smlp {
namespace {

using nlohmann::json;

std::optional<int> integer(const json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_number_integer()) return {};
  const auto value = object[key].get<std::int64_t>();
  if (value < 0 || value > (1 << 30)) return {};
  return static_cast<int>(value);
}

std::optional<std::array<float, 3>> triple(const json& object, const char* key) {
  if (!object.contains(key) || !object[key].is_array() || object[key].size() != 3) return {};
  std::array<float, 3> out = {};
  for (std::size_t i = 0; i < 3; ++i) {
    if (!object[key][i].is_number()) return {};
    const double value = object[key][i].get<double>();
    if (!(std::abs(value) <= std::numeric_limits<float>::max())) return {};
    out[i] = static_cast<float>(value);
  }
  return out;
}

// The shortest decimal that is this float again: 0.485, not 0.4850000143.
double shortest(float value) {
  const std::string text = fmt::format("{}", value);
  double out = value;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

json triple_json(const std::array<float, 3>& values) {
  return {shortest(values[0]), shortest(values[1]), shortest(values[2])};
}

// The value behind `text`, which metadata name `key`; `kind` is what it has to be.
Result<JsonDocument<json>> parse_value(std::string_view text, const std::string& key, json::value_t type,
                                       std::string_view kind) {
  auto value = parse_json(text);
  if (!value && value.error().transient) return value;
  if (!value || value->type() != type) return fail("its metadata's {} is no {}", key, kind);
  return value;
}

Result<std::vector<std::string>> parse_words(const Metadata& metadata, const std::string& key, int classes) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return std::vector<std::string>();
  SMLP_TRY(value, parse_value(found->second, key, json::value_t::array, "list of words"));
  std::vector<std::string> words;
  for (const json& word : value) {
    if (!word.is_string()) return fail("its metadata's {} is no list of words", key);
    words.push_back(word.get<std::string>());
  }
  if (!words.empty() && words.size() != static_cast<std::size_t>(classes)) {
    return fail("its metadata's {} has {} words, the network has {} classes", key, words.size(), classes);
  }
  return words;
}

Result<Preprocess> parse_preprocess(std::string_view text, int image) {
  SMLP_TRY(value, parse_value(text, "smlp.preprocess", json::value_t::object, "JSON object"));
  const auto resize = integer(value, "resize"), crop = integer(value, "crop");
  const auto mean = triple(value, "mean"), std = triple(value, "std");
  if (!resize || !crop || !mean || !std) {
    return fail("its metadata's smlp.preprocess lacks resize, crop, mean or std, or one is no number");
  }
  std::optional<Interpolation> interpolation = Interpolation::bicubic;
  if (value.contains("interpolation")) {
    const json& name = value["interpolation"];
    interpolation = name.is_string() ? find_interpolation(name.get<std::string>()) : std::nullopt;
    if (!interpolation) {
      return fail("its metadata ask for {} interpolation; known are {}", shortened(dump_json(name), 100),
                  fmt::join(interpolation_names, ", "));
    }
  }
  if (*crop != image) return fail("its metadata crop pictures to {}, the network takes {}", *crop, image);
  if (*resize < *crop || *resize > kMaxPreprocessSize) {
    return fail("its metadata resize to {} and crop to {}", *resize, *crop);
  }
  for (const float deviation : *std) {
    if (!(deviation > 0)) return fail("its metadata have a standard deviation of {}", deviation);
  }
  return Preprocess{.resize = *resize, .crop = *crop, .mean = *mean, .std = *std, .interpolation = *interpolation};
}

Result<void> apply(const Metadata& metadata, Network& network) {
  network.preprocess = Preprocess::for_image_size(network.config.image);
  if (const auto found = metadata.find("smlp.config"); found != metadata.end()) {
    SMLP_TRY(config, parse_config(found->second));
    if (config != network.config) return fail("its metadata's smlp.config does not agree with its tensors");
  }
  SMLP_TRY(names, parse_words(metadata, "smlp.classes", network.config.classes));
  network.class_names = std::move(names);
  SMLP_TRY(wnids, parse_words(metadata, "smlp.wnids", network.config.classes));
  network.wnids = std::move(wnids);
  if (const auto found = metadata.find("smlp.preprocess"); found != metadata.end()) {
    SMLP_TRY(preprocess, parse_preprocess(found->second, network.config.image));
    network.preprocess = preprocess;
  }
  return {};
}

}  // namespace

Metadata describe_network(const Network& network) {
  const Config& config = network.config;
  const Preprocess& pre = network.preprocess;
  return {
      {"smlp.config", dump_json(json{{"dim", config.dim},
                                     {"alpha", config.alpha},
                                     {"patch", config.patch},
                                     {"image", config.image},
                                     {"channels", config.in_channels},
                                     {"classes", config.classes},
                                     {"depths", config.depths}})},
      {"smlp.classes", dump_json(json(network.class_names))},
      {"smlp.wnids", dump_json(json(network.wnids))},
      {"smlp.preprocess", dump_json(json{{"resize", pre.resize},
                                         {"crop", pre.crop},
                                         {"interpolation", interpolation_name(pre.interpolation)},
                                         {"mean", triple_json(pre.mean)},
                                         {"std", triple_json(pre.std)}})},
      {"smlp.precision", std::string(precision_name(network.precision))},
      {"smlp.gelu", std::string(gelu_precision_name(network.gelu))},
      {"smlp.source", network.source_name},
      {"smlp.source_sha256", network.source_sha256},
  };
}

Result<Config> parse_config(std::string_view text) {
  SMLP_TRY(value, parse_value(text, "smlp.config", json::value_t::object, "JSON object"));
  Config config;
  const std::pair<const char*, int*> numbers[] = {
      {"dim", &config.dim},     {"alpha", &config.alpha},          {"patch", &config.patch},
      {"image", &config.image}, {"channels", &config.in_channels}, {"classes", &config.classes}};
  for (const auto& [key, number] : numbers) {
    const auto found = integer(value, key);
    if (!found) return fail("its metadata's smlp.config has no number '{}'", key);
    *number = *found;
  }
  if (!value.contains("depths") || !value["depths"].is_array())
    return fail("its metadata's smlp.config has no list 'depths'");
  config.depths.clear();
  for (const json& depth : value["depths"]) {
    if (!depth.is_number_integer()) return fail("its metadata's smlp.config has a depth that is no number");
    config.depths.push_back(static_cast<int>(std::clamp<std::int64_t>(depth.get<std::int64_t>(), -1, 1 << 30)));
  }
  SMLP_CHECK(config.validate());
  return config;
}

Result<Metadata> describe_use(const TensorFile& file, const Config& config) {
  Network network;
  network.config = config;
  SMLP_CHECK(apply_metadata(file, network));
  Metadata use;
  for (const char* key : {"smlp.classes", "smlp.wnids", "smlp.preprocess"}) {
    if (const auto found = file.metadata.find(key); found != file.metadata.end()) use.insert(*found);
  }
  return use;
}

Result<void> apply_metadata(const TensorFile& file, Network& network) {
  auto applied = apply(file.metadata, network);
  if (!applied) return fail(std::move(applied).error().in(file.path));
  return {};
}

}  // namespace smlp
