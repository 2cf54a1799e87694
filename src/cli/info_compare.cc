// What a precision costs, layer by layer.
#include <algorithm>
#include <cmath>

#include "cli/console.h"
#include "cli/info_parts.h"
#include "cli/table.h"

namespace smlp::cli {
namespace {

std::string scientific(double value) { return fmt::format("{:.2e}", value); }

}  // namespace

std::string comparison_text(const std::string& model, const Network& network, const ComparisonOptions& options,
                            const PrecisionComparison& comparison) {
  using enum Table::Align;
  Table table({"layer", "relative error", "largest difference", "growth"}, {left, right, right, right});
  for (std::size_t i = 0; i < comparison.layers.size(); ++i) {
    const LayerDifference& layer = comparison.layers[i];
    const double growth = comparison.growth(i);
    table.add({layer.name, scientific(layer.relative_error), scientific(layer.largest),
               std::isnan(growth) ? "" : fmt::format("{:.2f}", growth)});
  }
  std::string text = fmt::format("{}: {} ({} kernels) beside {} ({} kernels), {} {}picture{}\n", printable(model),
                                 precision_name(options.tried), comparison.tried_isa, precision_name(options.exact),
                                 comparison.exact_isa, comparison.pictures, options.pictures.empty() ? "made-up " : "",
                                 comparison.pictures == 1 ? "" : "s");
  text += table.text(terminal_width());
  text += fmt::format("the best class is the same for {} of {} pictures\n", comparison.same_top1, comparison.pictures);
  text += "Relative error: ||difference|| / ||activation|| over all pictures; growth: over that of the row above.\n";
  if (network.precision != Precision::fp32) {
    text += fmt::format("The file's own weights are rounded to {}; what that has cost is not seen here.\n",
                        precision_name(network.precision));
  }
  return text;
}

Json comparison_json(const std::string& model, const ComparisonOptions& options,
                     const PrecisionComparison& comparison) {
  Json layers = Json::array();
  for (std::size_t i = 0; i < comparison.layers.size(); ++i) {
    const LayerDifference& layer = comparison.layers[i];
    layers.push_back({{"name", layer.name},
                      {"relative_error", layer.relative_error},
                      {"largest_difference", layer.largest},
                      {"growth", comparison.growth(i)}});
  }
  return {{"file", model},
          {"precisions", {precision_name(options.exact), precision_name(options.tried)}},
          {"isas", {comparison.exact_isa, comparison.tried_isa}},
          {"made_up", options.pictures.empty()},
          {"pictures", comparison.pictures},
          {"same_top1", comparison.same_top1},
          {"top1_agreement", static_cast<double>(comparison.same_top1) / comparison.pictures},
          {"layers", layers}};
}

}  // namespace smlp::cli
