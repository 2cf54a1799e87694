#include "formats/onnx_file.h"

#include <limits>
#include <span>
#include <string>

#include "formats/onnx_builder.h"

namespace smlp::graph {
namespace {

// The ONNX release that introduced each opset fixes the version of the file format.
int ir_version(int opset) {
  if (opset <= 11) return 6;
  if (opset <= 14) return 7;
  if (opset <= 18) return 8;
  if (opset <= 20) return 9;
  return opset <= 22 ? 10 : 11;
}

}  // namespace

void describe_network(onnx::GraphProto& graph, const Config& config) {
  graph.set_name("smlpnet");
  const std::int64_t picture[] = {config.in_channels, config.image, config.image}, logits[] = {config.classes};
  GraphBuilder::describe(*graph.add_input(), "input", picture);
  GraphBuilder::describe(*graph.add_output(), "output", logits);
}

Result<std::uint64_t> write_model(const OnnxExportOptions& options, const std::filesystem::path& path,
                                  const std::function<void(onnx::GraphProto&)>& fill) {
  if (options.opset < kFirstOnnxOpset || options.opset > kLastOnnxOpset) {
    return fail(Error{.what = fmt::format("ONNX opset {} is not written", options.opset),
                      .remedy = fmt::format("choose one from {} to {}", kFirstOnnxOpset, kLastOnnxOpset)});
  }
  onnx::ModelProto model;
  model.set_ir_version(ir_version(options.opset));
  model.set_producer_name("smlp");
  model.set_producer_version(options.producer_version);
  for (const auto& [key, value] : options.metadata) {
    auto* property = model.add_metadata_props();
    property->set_key(key);
    property->set_value(value);
  }
  auto* opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(options.opset);
  fill(*model.mutable_graph());
  const std::size_t size = model.ByteSizeLong();
  if (size > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    return smlp::fail(Error{.what = fmt::format("{} bytes of ONNX, and its protobuf holds no more than 2 GB", size),
                            .file = path.string()});
  }
  std::string bytes;
  if (!model.SerializeToString(&bytes)) return smlp::fail("protobuf cannot serialise the network");
  SMLP_CHECK(write_file(path, bytes, options.existing));
  return size;
}

}  // namespace smlp::graph
