#include "formats/compiled.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <map>

#include "base/float16.h"
#include "formats/metadata.h"
#include "formats/safetensors.h"
#include "model/gate.h"
#include "model/parts.h"

namespace smlp {
namespace {

constexpr std::string_view kFormat = "1";

class Collector {
 public:
  explicit Collector(Precision precision) : precision_(precision) {}

  Result<void> vector(const std::string& name, int size, const std::vector<float>& values) {
    return add(name, {size}, values, Size::small);
  }
  Result<void> dense(const std::string& name, int outputs, int inputs, const Dense& part, Bias bias, Size size) {
    SMLP_CHECK(add(name + ".weight", {outputs, inputs}, part.weight.floats(widened_.emplace_back()), size));
    if (bias == Bias::no) return {};
    return add(name + ".bias", {outputs}, part.bias, Size::small);
  }
  Result<void> product(const std::string& name, int outputs, int segments, int inputs, const Dense& part, Bias bias) {
    if (precision_ != Precision::int8 || !part.is_int8()) {
      return dense(name, outputs, segments * inputs, part, bias, Size::large);
    }
    std::vector<float>& scales = widened_.emplace_back();
    std::vector<std::uint8_t>& zeros = zeros_.emplace_back();
    for (const InputScale& input : part.int8.inputs) {
      scales.push_back(input.scale);
      zeros.push_back(static_cast<std::uint8_t>(input.zero));
    }
    entries_.push_back(
        {name + ".weight", DType::i8, {outputs, segments * inputs}, std::as_bytes(part.weight.integers())});
    entries_.push_back({name + ".input_zero", DType::u8, {segments}, std::as_bytes(std::span(zeros))});
    SMLP_CHECK(add(name + ".input_scale", {segments}, scales, Size::small));
    SMLP_CHECK(add(name + ".output_scale", {outputs}, part.int8.outputs, Size::small));
    return add(name + ".bias", {outputs}, part.bias, Size::small);
  }
  // Wide types first, so that every tensor is aligned.
  std::vector<SafetensorsEntry> entries() && {
    std::ranges::stable_sort(entries_, std::greater<>(), [](const auto& e) { return dtype_size(e.dtype); });
    return std::move(entries_);
  }

 private:
  Result<void> add(std::string name, std::vector<std::int64_t> shape, std::span<const float> values, Size size) {
    std::int64_t count = 1;
    for (const auto extent : shape) count *= extent;
    if (std::ssize(values) != count) {
      return fail(
          Error{.what = fmt::format("{} values, expected shape {}", values.size(), shape_text(shape)), .tensor = name});
    }
    SafetensorsEntry entry{std::move(name), DType::f32, std::move(shape), std::as_bytes(values)};
    if (size == Size::large && precision_ != Precision::fp32) {
      auto& half = rounded_.emplace_back(values.size());
      std::ranges::transform(values, half.begin(), float_to_bfloat16);
      entry.dtype = DType::bf16;
      entry.data = std::as_bytes(std::span(half));
    }
    entries_.push_back(std::move(entry));
    return {};
  }

  Precision precision_;
  std::vector<SafetensorsEntry> entries_;
  std::deque<std::vector<std::uint16_t>> rounded_;  // entries point into these
  std::deque<std::vector<float>> widened_;
  std::deque<std::vector<std::uint8_t>> zeros_;
};

class Filler {
 public:
  Filler(const TensorFile& file, Precision precision)
      : owners_(std::make_shared<std::vector<std::shared_ptr<const void>>>(file.owners)), precision_(precision) {
    for (const Tensor& tensor : file.tensors) {
      if (!tensors_.emplace(tensor.name, &tensor).second) twice_ = &tensor;
    }
  }

  Result<void> vector(const std::string& name, int size, std::vector<float>& values) {
    SMLP_TRY(tensor, take(name, {size}, DType::f32));
    SMLP_TRY(converted, tensor->to_float());
    values = std::move(converted);
    return {};
  }
  Result<void> dense(const std::string& name, int outputs, int inputs, Dense& part, Bias bias, Size size) {
    part.outputs = outputs;
    part.inputs = inputs;
    const bool half = size == Size::large && precision_ != Precision::fp32;
    SMLP_TRY(tensor, take(name + ".weight", {outputs, inputs}, half ? DType::bf16 : DType::f32));
    SMLP_TRY(weight, Values::view(*tensor, owners_));
    part.weight = std::move(weight);
    if (bias == Bias::no) return {};
    return vector(name + ".bias", outputs, part.bias);
  }
  Result<void> product(const std::string& name, int outputs, int segments, int inputs, Dense& part, Bias bias) {
    const auto found = tensors_.find(name + ".weight");
    if (precision_ != Precision::int8 || found == tensors_.end() || found->second->dtype != DType::i8) {
      return dense(name, outputs, segments * inputs, part, bias, Size::large);
    }
    part.outputs = outputs;
    part.inputs = segments * inputs;
    SMLP_TRY(weight, take(name + ".weight", {outputs, part.inputs}, DType::i8));
    SMLP_TRY(zeros, take(name + ".input_zero", {segments}, DType::u8));
    std::vector<float> scales;
    SMLP_CHECK(vector(name + ".input_scale", segments, scales));
    SMLP_CHECK(vector(name + ".output_scale", outputs, part.int8.outputs));
    SMLP_CHECK(vector(name + ".bias", outputs, part.bias));
    for (std::size_t s = 0; s < scales.size(); ++s) {
      part.int8.inputs.push_back({scales[s], static_cast<int>(zeros->storage[s])});
    }
    std::vector<float> factors;
    for (const float output : part.int8.outputs) {
      for (const float scale : scales) factors.push_back(output / scale);
    }
    auto values = Values::scaled_view(*weight, owners_, std::move(factors), static_cast<std::size_t>(inputs));
    if (!values) return fail(std::move(values).error().of_tensor(name + ".weight"));
    part.weight = std::move(*values);
    return {};
  }
  Result<void> finish() const {
    if (twice_ != nullptr) return fail(Error{.what = "stands twice in the file", .tensor = twice_->name});
    if (tensors_.empty()) return {};
    return fail(Error{.what = "is not part of a compiled network of this configuration",
                      .tensor = std::string(tensors_.begin()->first)});
  }

 private:
  Result<const Tensor*> take(const std::string& name, const std::vector<std::int64_t>& shape, DType type) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) {
      return fail(Error{.what = fmt::format("is missing, expected shape {}", shape_text(shape)), .tensor = name});
    }
    const Tensor& tensor = *found->second;
    SMLP_CHECK(check_shape(tensor, shape));
    if (tensor.dtype != type) {
      return fail(Error{.what = fmt::format("type {}, expected {}", tensor.dtype_text, dtype_name(type)),
                        .tensor = name,
                        .remedy = "the file is damaged; compile the checkpoint again"});
    }
    tensors_.erase(found);
    return &tensor;
  }

  std::map<std::string_view, const Tensor*> tensors_;
  const Tensor* twice_ = nullptr;
  std::shared_ptr<const void> owners_;  // of what the views see
  Precision precision_;
};

Result<std::string> required(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return fail("its metadata lack '{}'", key);
  return found->second;
}

Result<void> read_settings(const Metadata& metadata, Network& network) {
  SMLP_TRY(format, required(metadata, "smlp.format"));
  if (format != kFormat) {
    return fail(Error{.what = fmt::format("version '{}' of the .smlp format; this program reads {}", format, kFormat),
                      .remedy = "compile the checkpoint again"});
  }
  SMLP_TRY(config_text, required(metadata, "smlp.config"));
  SMLP_TRY(config, parse_config(config_text));
  SMLP_TRY(precision_word, required(metadata, "smlp.precision"));
  SMLP_TRY(gelu_word, required(metadata, "smlp.gelu"));
  SMLP_TRY(source, required(metadata, "smlp.source"));
  SMLP_TRY(digest, required(metadata, "smlp.source_sha256"));
  const Precision* precision = find_precision(precision_word);
  const GeluPrecision* gelu = find_gelu_precision(gelu_word);
  if (precision == nullptr) return fail("its metadata's smlp.precision '{}' is not known", precision_word);
  if (gelu == nullptr) return fail("its metadata's smlp.gelu '{}' is not known", gelu_word);
  if (const auto batch = metadata.find("smlp.batch"); batch != metadata.end()) {
    const std::string& text = batch->second;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), network.batch);
    if (code != std::errc() || end != text.data() + text.size() || network.batch < 1 || network.batch > kMaxBatch) {
      return fail("its metadata's smlp.batch '{}' is no batch size; 1 to {} are possible", text, kMaxBatch);
    }
  }
  if (const auto found = metadata.find("smlp.calibration"); found != metadata.end())
    network.calibration = found->second;
  network.config = config;
  network.precision = *precision;
  network.gelu = *gelu;
  network.source_name = source;
  network.source_sha256 = digest;
  return {};
}

Result<Network> read_network(const TensorFile& file) {
  Network network;
  SMLP_CHECK(read_settings(file.metadata, network));
  network.stems.resize(network.config.stages());
  network.blocks.resize(network.config.blocks());
  Filler filler(file, network.precision);
  SMLP_CHECK(visit_parts(network, filler));
  std::vector<float> epsilons;
  SMLP_CHECK(filler.vector("norm_epsilon", network.config.blocks(), epsilons));
  for (int b = 0; b < network.config.blocks(); ++b) network.blocks[b].norm_epsilon = epsilons[b];
  SMLP_CHECK(filler.finish());
  SMLP_CHECK(apply_metadata(file, network));
  SMLP_CHECK(check_network(network));
  return network;
}

}  // namespace

Result<void> write_compiled(const Network& network, const std::filesystem::path& path, Existing existing) {
  if (auto fine = check_network(network); !fine) return fail(std::move(fine).error().in(network.source_name));
  std::vector<float> epsilons;
  epsilons.reserve(network.blocks.size());
  for (const FoldedBlock& block : network.blocks) epsilons.push_back(block.norm_epsilon);
  Collector collector(network.precision);
  SMLP_CHECK(collector.vector("norm_epsilon", network.config.blocks(), epsilons));
  SMLP_CHECK(visit_parts(network, collector));
  Metadata metadata = describe_network(network);
  metadata.emplace("smlp.format", kFormat);
  if (!network.calibration.empty()) metadata.emplace("smlp.calibration", network.calibration);
  if (network.batch > 0) metadata.emplace("smlp.batch", std::to_string(network.batch));
  return write_safetensors(path, std::move(collector).entries(), metadata, existing);
}

// A safetensors file begins with the header's length and the header, and write_compiled() puts the metadata first.
bool looks_compiled(std::string_view start) {
  return start.size() > 8 && start.substr(8).starts_with("{\"__metadata__\":{") && start.contains("\"smlp.format\":");
}

bool is_compiled(const TensorFile& file) { return file.metadata.contains("smlp.format"); }

Result<Network> read_compiled(const TensorFile& file) {
  auto network = read_network(file);
  if (!network) return fail(std::move(network).error().in(file.path));
  return network;
}

}  // namespace smlp
