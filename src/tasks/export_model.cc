#include "tasks/export_model.h"

#include <array>

#include "base/no_throw.h"
#include "formats/compiled.h"
#include "formats/metadata.h"
#include "formats/onnx_export.h"
#include "formats/onnx_import.h"
#include "formats/read.h"
#include "model/checkpoint.h"
#include "tasks/named_output.h"

namespace smlp {
namespace {

namespace fs = std::filesystem;

constexpr std::array kNames = {"smlpnet_tiny", "smlpnet_small", "smlpnet_base"};

// The name of a configuration; another number of classes or picture size is a fine-tuned network of the same name.
std::string name_of(const Config& config) {
  for (const char* name : kNames) {
    const Config& named = *find_named_config(name);
    if (config.dim == named.dim && config.depths == named.depths && config.alpha == named.alpha &&
        config.patch == named.patch) {
      return name;
    }
  }
  return {};
}

Result<void> check_name(const std::string& wanted) {
  if (wanted == "auto" || find_named_config(wanted) != nullptr) return {};
  return fail(Error{.what = fmt::format("no network is named '{}'", wanted),
                    .remedy = fmt::format("give --model_name {}, or auto for any other", fmt::join(kNames, ", "))});
}

Result<void> check_name(const std::string& wanted, const std::string& found, const Config& config) {
  if (wanted == "auto" || wanted == found) return {};
  return fail(Error{.what = fmt::format("not a {}: dim {}, depths {}, alpha {}, patch {}", wanted, config.dim,
                                        fmt::join(config.depths, " "), config.alpha, config.patch),
                    .remedy = found.empty() ? "leave --model_name out: this network has no name of its own"
                                            : fmt::format("give --model_name {}", found)});
}

Result<Weights> weights_of(const TensorFile& file) {
  return file.format == "ONNX" ? import_onnx(file.path) : weights_from_tensors(file);
}

// ModelProto begins with its version (field 1, a number), which every exporter writes, and after it comes the
// producer's name (field 2, a text).
bool looks_like_onnx(std::string_view start) {
  return start.size() > 3 && start[0] == '\x08' && start[1] > 0 && start[1] < 64 && start[2] == '\x12';
}

// Writes the network of a file, `network`: as trained or as compiled.
template <class AnyNetwork>
Result<ExportModelReport> write(const ExportModelOptions& options, const TensorFile& file, const AnyNetwork& network) {
  const Config& config = network.config;
  const std::string name = name_of(config);
  if (auto fits = check_name(options.model_name, name, config); !fits) {
    return fail(std::move(fits).error().in(options.checkpoint.string()));
  }
  SMLP_TRY(use, describe_use(file, config));
  const OnnxExportOptions how = {.opset = options.opset,
                                 .existing = options.force ? Existing::replace : Existing::keep,
                                 .producer_version = options.producer_version,
                                 .metadata = std::move(use)};
  SMLP_TRY(bytes, export_onnx(network, how, options.onnx));
  return ExportModelReport{.config = config, .model_name = name, .bytes = bytes};
}

Result<ExportModelReport> export_compiled(const ExportModelOptions& options, const TensorFile& file) {
  auto network = read_compiled(file);
  if (!network) return fail(std::move(network).error().in(options.checkpoint.string()));
  SMLP_TRY(report, write(options, file, *network));
  report.compiled = network->precision;
  report.gelu_differs = network->gelu != GeluPrecision::high_precision;
  return report;
}

Result<ExportModelReport> export_checked(const ExportModelOptions& options) {
  SMLP_TRY(file, read_tensor_file(options.checkpoint));
  if (file.format != "ONNX" && is_compiled(file)) return export_compiled(options, file);
  auto weights = weights_of(file);
  if (!weights) return fail(std::move(weights).error().in(options.checkpoint.string()));
  return write(options, file, *weights);
}

}  // namespace

Result<ExportModelReport> export_model(const ExportModelOptions& options) {
  SMLP_CHECK(check_name(options.model_name));
  std::error_code code;
  if (fs::equivalent(options.checkpoint, options.onnx, code)) {
    return fail(
        Error{.what = "is the checkpoint itself", .file = options.onnx.string(), .remedy = "give another --onnx_path"});
  }
  if (options.force) SMLP_CHECK(check_replaceable(options.onnx, looks_like_onnx, "an ONNX model"));
  SMLP_CHECK(check_writable(options.onnx, options.force ? Existing::replace : Existing::keep));
  auto report = no_throw([&] { return export_checked(options); });
  if (!report) return fail(std::move(report).error().in(options.checkpoint.string()));
  return report;
}

}  // namespace smlp
