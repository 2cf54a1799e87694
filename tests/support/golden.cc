#include "support/golden.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/source_dir.h"

namespace smlp::test {
namespace {

using Json = nlohmann::json;

// Little-endian floating-point numbers of type Number.
template <class Number>
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
  std::vector<Number> values(bytes.size() / sizeof(Number));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(Number));
  return {values.begin(), values.end()};
}

std::uint64_t hex(const Json& text) { return std::strtoull(text.get<std::string>().c_str(), nullptr, 16); }

template <class Number>
GoldenValues parse_values(const Json& a) {
  return {.mean = a.at("mean"), .rms = a.at("rms"), .max = a.at("max"), .samples = decode<Number>(a.at("samples"))};
}

GoldenActivation parse_activation(const Json& a) {
  GoldenActivation activation = {.name = a.at("name"),
                                 .elements = a.at("elements"),
                                 .exact = parse_values<double>(a),
                                 .bound = a.at("bound"),
                                 .reference_bound = a.at("reference_bound"),
                                 .bf16 = {}};
  if (a.contains("bf16")) {
    const Json& bf16 = a.at("bf16");
    activation.bf16 = {.values = parse_values<float>(bf16), .bound = bf16.at("bound"), .spread = bf16.at("spread")};
  }
  return activation;
}

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
  for (const Json& a : json.at("activations")) network.activations.push_back(parse_activation(a));
  return network;
}

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "golden outputs: %s; make them with tools/golden/make_golden.py\n", what.c_str());
  std::exit(1);
}

Golden load() {
  const std::string path = source_dir() / "tests/engine/golden/network.json";
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
