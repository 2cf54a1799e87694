// onnx_tool FOLDER OPSET...: the golden networks as ONNX, FOLDER/NAME.OPSET.onnx, for onnx_runtime_test.py.
#include <cstdio>
#include <cstdlib>

#include "formats/onnx_export.h"
#include "support/generator.h"
#include "support/golden.h"

int main(int argc, char** argv) {
  using namespace smlp;
  for (const test::GoldenNetwork& network : test::golden().networks) {
    if (network.name == "smlpnet_small" || network.name == "smlpnet_base") continue;  // as tiny, and large
    const bool large = network.name == "smlpnet_tiny";  // 97 MB a file: only where our spelling changes
    const Weights weights = test::make_weights(network.config, network.seed, network.signal);
    for (int i = 2; i < argc; ++i) {
      const int opset = std::atoi(argv[i]);
      if (large && opset != 11 && opset != 17 && opset != 20) continue;
      const auto path = std::filesystem::path(argv[1]) / (network.name + "." + argv[i] + ".onnx");
      const auto size = export_onnx(weights, {.opset = opset, .producer_version = "test"}, path);
      if (!size) {
        std::fprintf(stderr, "%s\n", size.error().message().c_str());
        return 1;
      }
    }
  }
  return 0;
}
