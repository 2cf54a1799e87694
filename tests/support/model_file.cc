#include "support/model_file.h"

#include <cstdlib>
#include <iostream>

#include "formats/safetensors.h"
#include "model/checkpoint.h"
#include "support/generator.h"

namespace smlp::test {

Config small_config(int classes) {
  return {.in_channels = 3, .dim = 8, .alpha = 3, .patch = 4, .image = 32, .classes = classes, .depths = {1, 1, 1, 1}};
}

void write_model(const std::filesystem::path& path, const Config& config, unsigned seed,
                 const std::map<std::string, std::string>& metadata) {
  const Weights weights = make_weights(config, seed);
  const TensorFile file = tensors_from_weights(weights);
  std::vector<SafetensorsEntry> entries;
  for (const Tensor& tensor : file.tensors)
    entries.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.storage});
  if (const auto written = write_safetensors(path, entries, metadata, Existing::replace); !written) {
    std::cerr << written.error().message() << "\n";
    std::abort();
  }
}

}  // namespace smlp::test
