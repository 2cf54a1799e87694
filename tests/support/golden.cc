#include "support/golden.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace smlp::test {
namespace {

using Json = nlohmann::json;

std::vector<double> decode(const std::string& base64) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned buffer = 0;
  int bits = 0;
  for (const char c : base64) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) break;  // padding
    buffer = buffer << 6 | static_cast<unsigned>(value);
    if ((bits += 6) >= 8) bytes.push_back(static_cast<char>(buffer >> (bits -= 8) & 0xFF));
  }
  std::vector<double> values(bytes.size() / sizeof(double));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(double));
  return values;
}

std::uint64_t hex(const Json& text) { return std::strtoull(text.get<std::string>().c_str(), nullptr, 16); }

GoldenNetwork parse_network(const Json& json) {
  const Json& c = json.at("config");
  GoldenNetwork network{.name = json.at("name"),
                        .config = {.in_channels = c.at("in_channels"),
                                   .dim = c.at("dim"),
                                   .alpha = c.at("alpha"),
                                   .patch = c.at("patch"),
                                   .image = c.at("image"),
                                   .classes = c.at("classes"),
                                   .depths = c.at("depths")},
                        .seed = c.at("seed"),
                        .pictures = c.at("pictures"),
                        .signal = c.at("signal"),
                        .weight_bits = hex(json.at("weight_bits")),
                        .picture_bits = hex(json.at("picture_bits")),
                        .activations = {}};
  for (const Json& a : json.at("activations")) {
    network.activations.push_back({.name = a.at("name"),
                                   .elements = a.at("elements"),
                                   .mean = a.at("mean"),
                                   .rms = a.at("rms"),
                                   .max = a.at("max"),
                                   .bound = a.at("bound"),
                                   .reference_bound = a.at("reference_bound"),
                                   .samples = decode(a.at("samples"))});
  }
  return network;
}

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "golden outputs: %s; make them with tools/golden/make_golden.py\n", what.c_str());
  std::exit(1);
}

Golden load() {
  const std::string path = SMLP_SOURCE_DIR "/tests/engine/golden/network.json";
  std::ifstream file(path);
  if (!file) give_up("can't open " + path);
  try {
    const Json json = Json::parse(file);
    Golden golden{.torch = json.at("torch"), .sources = {}, .networks = {}};
    for (const auto& [source, hash] : json.at("sources_fnv1a").items()) golden.sources[source] = hex(hash);
    for (const Json& network : json.at("networks")) golden.networks.push_back(parse_network(network));
    return golden;
  } catch (const Json::exception& error) {
    give_up(path + ": " + error.what());
  }
}

}  // namespace

const GoldenActivation& GoldenNetwork::activation(std::string_view wanted) const {
  for (const GoldenActivation& a : activations) {
    if (a.name == wanted) return a;
  }
  give_up("no activation " + std::string(wanted) + " in " + name);
}

const Golden& golden() {
  static const Golden loaded = load();
  return loaded;
}

const GoldenNetwork& golden(std::string_view network) {
  for (const GoldenNetwork& candidate : golden().networks) {
    if (candidate.name == network) return candidate;
  }
  give_up("no network " + std::string(network));
}

}  // namespace smlp::test
