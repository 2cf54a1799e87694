// What a model file holds.
#include <algorithm>

#include "cli/console.h"
#include "cli/info_parts.h"
#include "cli/table.h"

namespace smlp::cli {
namespace {

using enum Table::Align;

// 24123584 -> "24,123,584"
std::string grouped(std::int64_t number) {
  std::string text = fmt::format("{}", number);
  for (std::ptrdiff_t i = std::ssize(text) - 3; i > 0; i -= 3) text.insert(static_cast<std::size_t>(i), ",");
  return text;
}

// 24123584 -> "24.1 million", 4990000000 -> "4.99 billion"
std::string rounded(std::int64_t number) {
  const auto n = static_cast<double>(number);
  if (number >= 1'000'000'000) return fmt::format("{:.3g} billion", n / 1e9);
  if (number >= 1'000'000) return fmt::format("{:.3g} million", n / 1e6);
  return grouped(number);
}

std::string three(const std::array<float, 3>& v) { return fmt::format("{:g} {:g} {:g}", v[0], v[1], v[2]); }

std::string name_of_configuration(const Config& config) {
  for (const char* name : {"smlpnet_tiny", "smlpnet_small", "smlpnet_base"}) {
    if (*find_named_config(name) == config) return fmt::format(" ({})", name);
  }
  return "";
}

void add_network(Table& table, const Network& network) {
  const Config& c = network.config;
  const Preprocess& p = network.preprocess;
  table.add(
      {"network", fmt::format("sMLPNet{}: dim {}, depths {}, alpha {}, patch {}, image {}, {} channels, {} classes",
                              name_of_configuration(c), c.dim, fmt::join(c.depths, " "), c.alpha, c.patch, c.image,
                              c.in_channels, c.classes)});
  table.add({"parameters", rounded(c.parameters())});
  table.add({"multiply-adds", fmt::format("{} per picture", rounded(c.macs()))});
  table.add({"precision", std::string(precision_name(network.precision))});
  for (const auto& [name, precision] : operator_precisions(network))
    table.add({"", fmt::format("{:<21}  {}", name, precision)});
  if (!network.calibration.empty()) table.add({"calibration", network.calibration});
  table.add({"preprocessing", fmt::format("short side to {}, {}; centre crop {}; mean {}; std {}", p.resize,
                                          interpolation_name(p.interpolation), p.crop, three(p.mean), three(p.std))});
  table.add({"class names", network.class_names.empty()
                                ? "none"
                                : fmt::format("{}: {}{}", network.class_names.size(), network.class_names.front(),
                                              network.class_names.size() > 1 ? ", ..." : "")});
  if (!network.source_sha256.empty()) {
    table.add({"source", fmt::format("{}, SHA-256 {}", network.source_name, network.source_sha256)});
  }
}

// Calls see(name, product) for each product in int8.
template <class See>
void each_int8(const Network& network, See see) {
  for (std::size_t b = 0; b < network.blocks.size(); ++b) {
    for (const BlockProduct& product : kBlockProducts) {
      const Dense& part = network.blocks[b].*product.part;
      if (part.is_int8()) see(fmt::format("block.{}.{}", b, product.name), part);
    }
  }
}

std::string scales_table(const Network& network) {
  Table table({"in int8", "inputs: scale, zero point", "outputs: scales"}, {left, left, left});
  each_int8(network, [&](const std::string& name, const Dense& part) {
    std::string inputs;
    for (const InputScale& input : part.int8.inputs) {
      inputs += fmt::format("{}{:.4g}, {}", inputs.empty() ? "" : "; ", input.scale, input.zero);
    }
    const auto [least, largest] = std::ranges::minmax(part.int8.outputs);
    table.add({name, inputs, fmt::format("{:.3g} to {:.3g}", least, largest)});
  });
  return table.text(terminal_width());
}

Json scales_json(const Network& network) {
  Json all = Json::object();
  each_int8(network, [&](const std::string& name, const Dense& part) {
    Json inputs = Json::array();
    for (const InputScale& input : part.int8.inputs) inputs.push_back({{"scale", input.scale}, {"zero", input.zero}});
    all[name] = {{"inputs", inputs}, {"output_scales", part.int8.outputs}};
  });
  return all;
}

std::string tensor_table(const TensorFile& file) {
  Table table({"tensor", "type", "shape", "in"}, {left, left, left, left});
  for (const Tensor& tensor : file.tensors) {
    table.add({tensor.name, tensor.dtype_text, tensor.shape_text(), tensor.container});
  }
  return table.text(terminal_width());
}

Json tensors_json(const TensorFile& file) {
  Json tensors = Json::array();
  for (const Tensor& tensor : file.tensors) {
    tensors.push_back({{"name", tensor.name},
                       {"dtype", tensor.dtype_text},
                       {"shape", tensor.shape},
                       {"container", tensor.container}});
  }
  return tensors;
}

}  // namespace

Json config_json(const Config& c) {
  return {{"dim", c.dim},      {"alpha", c.alpha},          {"patch", c.patch},
          {"image", c.image},  {"channels", c.in_channels}, {"classes", c.classes},
          {"depths", c.depths}};
}

std::string file_text(const FileReport& report, bool tensors) {
  Table table({"", ""}, {left, left});
  table.add({"file", report.path});
  table.add({"format", report.format});
  table.add({"size", fmt::format("{} ({} bytes)", bytes_text(report.bytes), grouped(report.bytes))});
  table.add({"SHA-256", report.sha256});
  if (report.network) add_network(table, *report.network);
  if (report.no_network) table.add({"network", "no sMLPNet: " + report.no_network->message()});
  table.add({"tensors", fmt::format("{}{}", report.file.tensors.size(), tensors ? "" : " (--tensors lists them)")});
  std::string text = (tensors ? tensor_table(report.file) + "\n" : "") + table.text(terminal_width());
  if (report.network && report.network->has_int8()) text += "\n" + scales_table(*report.network);
  return text;
}

Json file_json(const FileReport& report) {
  Json json = {{"file", report.path}, {"format", report.format}, {"bytes", report.bytes}, {"sha256", report.sha256}};
  json["config"] = Json();
  json["why_no_network"] = report.no_network ? Json(report.no_network->message()) : Json();
  json["parameters"] = Json();
  json["macs"] = Json();
  if (report.network) {
    const Network& network = *report.network;
    json["config"] = config_json(network.config);
    json["parameters"] = network.config.parameters();
    json["macs"] = network.config.macs();
    json["precision"] = precision_name(network.precision);
    json["gelu"] = gelu_precision_name(network.gelu);
    for (const auto& [name, precision] : operator_precisions(network)) json["operators"][std::string(name)] = precision;
    json["calibration"] = network.calibration.empty() ? Json() : Json(network.calibration);
    json["int8"] = scales_json(network);
    json["preprocess"] = {{"resize", network.preprocess.resize},
                          {"crop", network.preprocess.crop},
                          {"interpolation", interpolation_name(network.preprocess.interpolation)},
                          {"mean", network.preprocess.mean},
                          {"std", network.preprocess.std}};
    json["classes"] = network.class_names;
    json["source"] = network.source_sha256.empty()
                         ? Json()
                         : Json({{"name", network.source_name}, {"sha256", network.source_sha256}});
  }
  json["tensors"] = tensors_json(report.file);
  return json;
}

}  // namespace smlp::cli
