#include "tasks/compile.h"

#include <charconv>

#include "api/load.h"
#include "base/atomic_file.h"
#include "base/sha256.h"
#include "data/class_list.h"
#include "data/input_check.h"
#include "formats/compiled.h"
#include "tasks/labelled_pictures.h"
#include "tasks/named_output.h"
#include "tasks/op_precision.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> shape_error(std::string_view text, std::string_view what) {
  return fail(Error{.what = fmt::format("input shape '{}': {}", text, what),
                    .remedy = "write it as input:8,3,224,224 (name, batch, channels, height, width)"});
}

// Quotation marks come along when a command is copied from typeset text.
std::string_view without_quotes(std::string_view text) {
  for (const std::string_view quote : {"\"", "'", "\u201c", "\u201d", "\u2018", "\u2019"}) {
    if (text.starts_with(quote)) text.remove_prefix(quote.size());
    if (text.ends_with(quote)) text.remove_suffix(quote.size());
  }
  return text;
}

std::optional<int> parse_size(std::string_view text) {
  int value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<void> check_input(const InputShape& input, const Network& network) {
  const Config& config = network.config;
  const std::string remedy = fmt::format("give {}:{},{},{},{}", network.input_name, input.batch == 0 ? -1 : input.batch,
                                         config.in_channels, config.image, config.image);
  if (!input.name.empty() && input.name != network.input_name) {
    return fail(Error{.what = fmt::format("--input_shape names an input '{}', the model has one, '{}'", input.name,
                                          network.input_name),
                      .remedy = remedy});
  }
  if (input.channels == config.in_channels && input.height == config.image && input.width == config.image) return {};
  return fail(Error{
      .what = fmt::format("--input_shape says {} x {} x {} for a picture, the model takes {} x {} x {}", input.channels,
                          input.height, input.width, config.in_channels, config.image, config.image),
      .remedy = remedy});
}

Result<void> choose_precision(const CompileOptions& options, Network& network) {
  const Precision wanted = options.precision.value_or(network.precision), own = network.precision;
  const bool loses = (own == Precision::bf16 && wanted == Precision::fp32) || (own == Precision::int8 && wanted != own);
  const bool again = own == Precision::int8 && !options.calibration.pictures.empty();
  if (loses || again) {
    return fail(
        Error{.what = fmt::format("is compiled to {}, and what was rounded away is not in it", precision_name(own)),
              .file = options.model.string(),
              .remedy = "compile " + network.source_name + " again"});
  }
  if (wanted == Precision::int8 && own != wanted && options.calibration.pictures.empty()) {
    return fail(Error{.what = "int8 needs pictures to measure the ranges of activations on",
                      .file = options.model.string(),
                      .remedy = "give some hundred that the model will meet to --calibrate"});
  }
  if (wanted != Precision::int8 && !options.calibration.pictures.empty()) {
    return fail(
        Error{.what = fmt::format("--calibrate measures scales for int8, the precision is {}", precision_name(wanted)),
              .remedy = "give --precision int8 as well"});
  }
  network.precision = wanted;
  return {};
}

// d.smlp beside a folder d is hardly what somebody means who names the folder.
Result<void> check_names_a_file(const CompileOptions& options) {
  std::error_code code;
  if (options.output.has_filename() && !fs::is_directory(options.output, code)) return {};
  return fail(Error{.what = "names a folder, and a compiled model is a file",
                    .file = options.output.string(),
                    .remedy = "give " + (options.output / options.model.stem()).string() + ".smlp"});
}

constexpr std::string_view kIniStart = "# Products that stay in bf16,";

fs::path op_precision_path(fs::path output) { return output.replace_extension(".op_precision.ini"); }

// Whether the files of this run can be written, before hours are spent on what goes into them.
Result<void> check_outputs(const CompileOptions& options, const fs::path& output) {
  const Existing existing = options.force ? Existing::replace : Existing::keep;
  if (output.has_parent_path()) SMLP_CHECK(make_directories(output.parent_path()));
  SMLP_CHECK(check_writable(output, existing));
  if (!options.max_drop) return {};
  const fs::path ini = op_precision_path(output);
  std::error_code code;
  if (!options.op_precision.empty() && fs::equivalent(ini, options.op_precision, code)) {
    return fail(Error{.what = "is read by --op-precision-mode and would be written by --max-drop",
                      .file = ini.string(),
                      .remedy = "give another --output"});
  }
  const auto is_ours = [](std::string_view start) { return start.starts_with(kIniStart); };
  if (options.force) SMLP_CHECK(check_replaceable(ini, is_ours, "an ini that --max-drop wrote"));
  return check_writable(ini, existing);
}

Result<AccuracyBudget> budget_of(const CompileOptions& options, const Network& network) {
  AccuracyBudget budget = {.points = *options.max_drop, .pictures = options.judged.files};
  const bool labelled = !budget.pictures.empty();
  if (!labelled) budget.pictures = options.calibration.pictures;
  const InputSpec spec = {
      .channels = network.config.in_channels, .side = network.config.image, .how = network.preprocess, .max_rows = 0};
  SMLP_CHECK(check_prepared(budget.pictures, spec, budget.warnings));
  if (!labelled) {
    budget.warnings.clear();  // calibrate() says them
    return budget;
  }
  SMLP_CHECK(check_label_counts(budget.pictures));
  const Inputs& data = options.judged;
  const ClassList list = {.names = network.class_names, .wnids = network.wnids};
  SMLP_TRY(map, map_labels_of(data, network.config.classes, list));
  budget.labels = labelled_pictures(data, map, list).labels;
  return budget;
}

// The ini that compiles the same file again, without a budget: written, and given its name by commit() once the model
// has its own, so that a full disk leaves neither or both.
Result<AtomicFile> write_op_precision(const CompileOptions& options, const Network& network, CompileReport& report) {
  report.op_precision = op_precision_path(report.output);
  std::string text = fmt::format("{} so that int8 loses at most {:g} points: {:.2f}, with all in int8 {:.2f}.\n",
                                 kIniStart, *options.max_drop, report.budget->drop, report.budget->drop_before);
  text += fmt::format("[ByOpType]\nGelu={}\n[ByNodeName]\n", gelu_precision_name(network.gelu));
  for (std::size_t b = 0; b < network.blocks.size(); ++b) {
    for (const BlockProduct& product : kBlockProducts) {
      if (!(network.blocks[b].*product.part).is_int8()) text += fmt::format("block.{}.{}=bf16\n", b, product.name);
    }
  }
  SMLP_TRY(file, AtomicFile::create(report.op_precision, options.force ? Existing::replace : Existing::keep));
  SMLP_CHECK(file.write(text));
  return std::move(file);
}

// A product that is not in int8 already stays what it is unless pictures are given.
Result<void> quantize_network(const CompileOptions& options, const OpPrecision& modes, Network& network,
                              CompileReport& report) {
  for (const auto& [name, precision] : modes.products) {
    if (network.precision != Precision::int8) {
      return fail(Error{.what = fmt::format("{}={} chooses among products in int8, the precision is {}", name,
                                            precision_name(precision), precision_name(network.precision)),
                        .file = options.op_precision.string(),
                        .remedy = "give --precision int8 as well, or leave that line out"});
    }
    for (int block = 0; name.starts_with("block.") && block <= network.config.blocks(); ++block) {
      if (name.starts_with(fmt::format("block.{}.", block)) && block < network.config.blocks()) break;
      if (block < network.config.blocks()) continue;
      return fail(
          Error{.what = fmt::format("{} is no product of this model, whose blocks are 0 to {}", name, block - 1),
                .file = options.op_precision.string()});
    }
  }
  if (options.calibration.pictures.empty()) return {};
  const auto wanted = [&](int block, const BlockProduct& product) {
    return modes.of(block, product) == Precision::int8;
  };
  Network exact;
  AccuracyBudget budget;
  if (options.max_drop) {
    SMLP_TRY(judged, budget_of(options, network));
    budget = std::move(judged);
    exact = network;
  }
  SMLP_TRY(calibration, calibrate(network, options.calibration, wanted, options.progress));
  report.calibration = std::move(calibration);
  if (!options.max_drop) return {};
  SMLP_TRY(outcome, keep_within(budget, exact, network, options.budget_progress));
  report.budget = std::move(outcome);
  return {};
}

Result<void> apply_options(const CompileOptions& options, Network& network, CompileReport& report) {
  if (options.input) {
    if (auto checked = check_input(*options.input, network); !checked) {
      return fail(std::move(checked).error().in(options.model.string()));
    }
    network.batch = options.input->batch;
  }
  SMLP_CHECK(choose_precision(options, network));
  auto how = with_overrides(network.preprocess, options.preprocess, network.config.image);
  if (!how) return fail(std::move(how).error().in(options.model.string()));
  network.preprocess = *how;
  OpPrecision modes;
  if (!options.op_precision.empty()) {
    SMLP_TRY(read, read_op_precision(options.op_precision));
    if (read.gelu) network.gelu = *read.gelu;
    modes = std::move(read);
  }
  if (!options.classes.empty()) {
    SMLP_TRY(list, read_class_list(options.classes, network.config.classes));
    network.class_names = std::move(list.names);
    network.wnids = std::move(list.wnids);
  }
  if (network.source_sha256.empty()) {
    SMLP_TRY(sha256, sha256_file(options.model));
    network.source_sha256 = std::move(sha256);
    network.source_name = options.model.filename().string();
  }
  SMLP_CHECK(check_outputs(options, report.output));
  return quantize_network(options, modes, network, report);
}

}  // namespace

Result<InputShape> parse_input_shape(std::string_view text) {
  std::string_view rest = without_quotes(text);
  InputShape shape;
  if (rest.find(';') != std::string_view::npos) return shape_error(text, "the network has one input");
  if (const auto colon = rest.rfind(':'); colon != std::string_view::npos) {
    shape.name = rest.substr(0, colon);
    rest.remove_prefix(colon + 1);
  }
  std::vector<std::string_view> sizes;
  for (std::size_t start = 0; start <= rest.size();) {
    const auto comma = std::min(rest.find(',', start), rest.size());
    sizes.push_back(rest.substr(start, comma - start));
    start = comma + 1;
  }
  if (sizes.size() != 4) return shape_error(text, fmt::format("{} sizes instead of 4", sizes.size()));
  const auto batch = parse_size(sizes[0]);
  const bool any = batch == -1 || sizes[0] == "N" || sizes[0] == "n" || sizes[0] == "batch";
  if (!any && (!batch || *batch < 1)) return shape_error(text, "the batch is a number from 1 on, or -1 for any");
  shape.batch = any ? 0 : *batch;
  int* const places[] = {&shape.channels, &shape.height, &shape.width};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto size = parse_size(sizes[i + 1]);
    if (!size || *size < 1) return shape_error(text, fmt::format("'{}' is no size", sizes[i + 1]));
    *places[i] = *size;
  }
  return shape;
}

Result<CompileReport> compile_model(const CompileOptions& options) {
  CompileReport report{.output = options.output, .network = {}};
  SMLP_CHECK(check_names_a_file(options));
  if (report.output.extension() != ".smlp") report.output += ".smlp";
  // Behind a folder that is still to be made `..` leads nowhere yet, and to the model perhaps once it is there.
  std::error_code code;
  if (!fs::exists(report.output.parent_path(), code)) {
    if (const fs::path real = fs::weakly_canonical(report.output, code); !code) report.output = real;
  }
  if (!options.force && fs::is_regular_file(report.output, code)) {
    return fail(Error{.what = "exists already, and nothing is overwritten unasked",
                      .file = report.output.string(),
                      .remedy = "give --force to replace it, or another --output"});
  }
  if (fs::equivalent(options.model, report.output, code)) {
    return fail(
        Error{.what = "is the model itself", .file = report.output.string(), .remedy = "give another --output"});
  }
  if (options.force) SMLP_CHECK(check_replaceable(report.output, looks_compiled, "a compiled model"));
  SMLP_TRY(network, load_network(options.model));
  SMLP_CHECK(apply_options(options, network, report));
  std::optional<AtomicFile> op_precision;
  if (report.budget) {
    SMLP_TRY(written, write_op_precision(options, network, report));
    op_precision.emplace(std::move(written));
  }
  SMLP_CHECK(write_compiled(network, report.output, options.force ? Existing::replace : Existing::keep));
  if (op_precision) SMLP_CHECK(op_precision->commit());
  report.output_bytes = fs::file_size(report.output, code);
  report.network = std::move(network);
  return report;
}

}  // namespace smlp
