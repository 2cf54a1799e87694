// A compiled model whose metadata, types, shapes or numbers are not as they were written. Most of the file stays whole,
// so that what is behind the checks of the container is reached.
#include <cstring>
#include <deque>
#include <string>

#include "formats/compiled.h"
#include "formats/metadata.h"
#include "model/gate.h"
#include "model/parts.h"

namespace {

using namespace smlp;

// The tensors of a small network, all of ones, and its metadata.
class Writer {
 public:
  explicit Writer(Network& network) {
    file.metadata = describe_network(network);
    file.metadata["smlp.format"] = "1";
    if (!visit_parts(network, *this)) std::abort();
    if (!vector("norm_epsilon", network.config.blocks(), {})) std::abort();
  }
  Result<void> vector(const std::string& name, int size, const std::vector<float>&) {
    add(name, {size});
    return {};
  }
  Result<void> dense(const std::string& name, int outputs, int inputs, const Dense&, Bias bias, Size) {
    add(name + ".weight", {outputs, inputs});
    if (bias == Bias::yes) add(name + ".bias", {outputs});
    return {};
  }
  Result<void> product(const std::string& name, int outputs, int segments, int inputs, const Dense& part, Bias bias) {
    return dense(name, outputs, segments * inputs, part, bias, Size::large);
  }
  TensorFile file;

 private:
  void add(const std::string& name, std::vector<std::int64_t> shape) {
    Tensor tensor;
    tensor.name = name;
    tensor.dtype_text = "F32";
    tensor.strides = contiguous_strides(shape);
    tensor.shape = std::move(shape);
    auto& numbers = numbers_.emplace_back(static_cast<std::size_t>(tensor.elements()), 0.5F);
    tensor.storage = std::as_bytes(std::span(numbers));
    file.tensors.push_back(std::move(tensor));
  }
  std::deque<std::vector<float>> numbers_;
};

Network plain_network() {
  Network network;
  network.config = {.in_channels = 3, .dim = 2, .alpha = 2, .patch = 4, .image = 16, .classes = 2, .depths = {1, 1}};
  network.preprocess = Preprocess::for_image_size(16);
  network.stems.resize(2);
  network.blocks.resize(2);
  return network;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Network network = plain_network();
  static Writer writer(network);
  static const bool accepted = [] { return read_compiled(writer.file).has_value(); }();
  if (!accepted) std::abort();
  if (size < 4) return 0;
  TensorFile file = writer.file;
  const std::string text(reinterpret_cast<const char*>(data + 4), size - 4);
  const std::size_t key = data[0] % (file.metadata.size() + 1);
  if (key < file.metadata.size()) std::next(file.metadata.begin(), static_cast<std::ptrdiff_t>(key))->second = text;
  Tensor& tensor = file.tensors[data[1] % file.tensors.size()];
  std::vector<float> numbers(tensor.storage.size() / sizeof(float), 0.5F);
  if (data[2] < 12) tensor.dtype = static_cast<DType>(data[2] % 11);
  if (data[2] == 12) tensor.name = text.substr(0, 20);
  if (data[2] == 13) {
    std::memcpy(&numbers[data[3] % numbers.size()], text.data(), std::min<std::size_t>(4, text.size()));
    tensor.storage = std::as_bytes(std::span(numbers));
  }
  const auto read = read_compiled(file);
  if (read && !check_network(*read)) std::abort();
  return 0;
}
